//! Made-up residents.
