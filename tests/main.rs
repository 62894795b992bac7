//! Stories, each through the front door. One binary: every further one would be another link.

mod folder;
mod helpers;

mod stories {
    mod audience;
    mod check;
    mod plan;
    mod settings;
}
