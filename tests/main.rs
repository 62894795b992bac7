//! Stories, each through the front door. One binary: every further one would be another link.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]

#[macro_use]
mod engines;
mod folder;
mod helpers;
mod layers;

mod stories {
    mod advertising;
    mod api;
    mod approvals;
    mod audience;
    mod audience_pages;
    mod bench;
    mod bounces;
    mod bulletins;
    mod cap;
    mod check;
    mod commands;
    mod days;
    mod dispatch;
    mod domains;
    mod gateways;
    mod mail;
    mod mailhost;
    mod main_job;
    mod nodes;
    mod orders_by_command;
    mod orders_pages;
    mod pages;
    mod partner;
    mod people;
    mod plan;
    mod poll;
    mod public;
    mod reconcile;
    mod relay_definition;
    mod relay_push;
    mod replies;
    mod report;
    mod routing;
    mod runs;
    mod schemathesis;
    mod settings;
    mod sign_in;
    mod smpp;
    mod smpp_adapter;
    mod texts;
    mod upstream;
    mod warnings;
    mod web;
    mod wordings;
    mod writing;
    mod zalo;
}
