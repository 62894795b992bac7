"""Reads a mail as a receiver does: Python's own parser for its structure, dkimpy for its signatures.

    tests/peers/mail.py RECORDS <MAIL

RECORDS is what `loa accounts --dns NAME --json` printed, in place of the DNS. Prints one JSON object: each signature with its
algorithm and whether it holds, also when the mail is changed as relays change it and as forgers do; each part; the headers.
"""

import json
import re
import sys
from email import message_from_bytes, policy

# This file's folder holds a file of a package's name.
sys.path.pop(0)

import dkim

with open(sys.argv[1]) as file:
    records = {record["name"]: record["content"].encode() for record in json.load(file)}
raw = sys.stdin.buffer.read()


def txt(name, timeout=5):
    return records.get((name.decode() if isinstance(name, bytes) else name).rstrip("."))


def holds(mail, index):
    try:
        return bool(dkim.DKIM(mail, minkey=2048).verify(idx=index, dnsfunc=txt))
    except dkim.DKIMException:
        return False


def replaced(what, by):
    changed = raw.replace(what, by, 1)
    assert changed != raw, what
    return changed


signatures = []
heads = re.findall(rb"^DKIM-Signature:(?:.*\r\n)(?:[ \t].*\r\n)*", raw, re.M)
unsubscribe = re.search(rb"^List-Unsubscribe: *<", raw, re.M)
for index, head in enumerate(heads):
    tags = dict(tag.split(b"=", 1) for tag in re.sub(rb"\s", b"", head.split(b":", 1)[1]).split(b";") if tag)
    signatures.append({
        "algorithm": tags[b"a"].decode(),
        "domain": tags[b"d"].decode(),
        "signed": sorted(set(tags[b"h"].decode().split(":"))),
        "holds": holds(raw, index),
        "holds_when_relayed": holds(b"Received: from a\r\n\tby b; now\r\n" + replaced(b"\r\nSubject: ", b"\r\nSubject:  "), index),
        "holds_when_forged": [
            what for what, mail in {
                "a second sender": replaced(b"\r\nFrom: ", b"\r\nFrom: evil@example.com\r\nFrom: "),
                "another subject": replaced(b"\r\nSubject: ", b"\r\nSubject: x"),
                "another way to refuse": replaced(unsubscribe.group(0), unsubscribe.group(0) + b"https://evil.example.com/>, <"),
                "more text": raw + b"more\r\n",
            }.items() if holds(mail, index)
        ],
    })

mail = message_from_bytes(raw, policy=policy.default)
parts, contents = [], {}
for part in mail.walk():
    parts.append({
        "type": part.get_content_type(), "charset": part.get_content_charset(), "name": part.get_filename(),
        "id": part.get("Content-ID"), "disposition": part.get_content_disposition(), "defects": [repr(d) for d in part.defects],
    })
    if not part.is_multipart():
        content = part.get_content()
        parts[-1]["length"] = len(content)
        if isinstance(content, str):
            contents[part.get_content_type()] = content
json.dump({
    "signatures": signatures,
    "parts": parts,
    "texts": contents,
    "headers": {name: str(value) for name, value in mail.items() if name != "DKIM-Signature"},
    "to": [[address.display_name, address.addr_spec] for address in mail["To"].addresses],
    "longest_line": max(len(line) for line in raw.split(b"\r\n")),
    "is_ascii": raw.isascii(),
}, sys.stdout, ensure_ascii=False)
