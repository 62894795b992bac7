"""Reads a user's INBOX as a mail program does, and leaves it as it is.

    tests/peers/imap.py HOST:PORT USER FOLDER    with the password in IMAP_PASSWORD

Writes each mail to a file of FOLDER, named by its number from 1 on.
"""

import os
import sys
from imaplib import IMAP4
from pathlib import Path

address, user, folder = sys.argv[1:]
host, port = address.rsplit(":", 1)
with IMAP4(host, int(port), timeout=30) as server:
    server.login(user, os.environ["IMAP_PASSWORD"])
    _, [count] = server.select(readonly=True)
    for number in range(1, int(count) + 1):
        _, [(_, mail), _] = server.fetch(str(number), "(BODY.PEEK[])")
        Path(folder, str(number)).write_bytes(mail)
