//! Stories, each through the front door. One binary: every further one would be another link.

mod engines;
mod folder;

mod stories {
    mod check;
    mod plan;
    mod settings;
}
