//! Against a scripted server on loopback; the mails are read back by another parser.
