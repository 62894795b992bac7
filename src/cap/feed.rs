//! Feeds (in work).
