"""Makes places.tsv and places-before-2025-07.tsv from the PyPI package vietnamadminunits (MIT).

    pip download --no-deps vietnamadminunits==1.0.4 && unzip -q vietnamadminunits-*.whl
    python3 places.py vietnamadminunits/data .
"""
import collections
import json
import sqlite3
import sys

source, target = sys.argv[1], sys.argv[2]
units = sqlite3.connect(f"{source}/dataset.db")
converter = json.load(open(f"{source}/converter_2025.json", encoding="utf-8"))


def short_aliases(raw, types):
    """The aliases without their type word, which the program takes off by itself."""
    keys = json.loads(raw) if raw else []
    return sorted({next((k[len(t):] for t in types if k.startswith(t) and k[len(t):] in keys), k) for k in keys})


new_ward, new_province = {}, {}
by_province = collections.defaultdict(list)
for pk, wk, pc, wc, province, ward in units.execute(
    "SELECT provinceKey, wardKey, provinceCode, wardCode, province, ward FROM admin_units"
):
    new_ward[pk, wk] = wc
    new_province[pk] = (pc, province)
    by_province[pc].append((wc, ward))

with open(f"{target}/places.tsv", "w", encoding="utf-8") as out:
    for pc, province in sorted(new_province.values()):
        out.write(f"{pc}\t{province}\n")
        for wc, ward in sorted(by_province[pc]):
            out.write(f"{wc}\t{ward}\n")

became = collections.defaultdict(list)  # an old unit's key -> new codes, the likeliest first
for pk, wards in converter["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
    for wk, olds in wards.items():
        for old in olds:
            became[old].append((False, new_ward[pk, wk]))
for pk, olds in converter["DICT_PROVINCE_WARD_DIVIDED"].items():
    for old, wards in olds.items():
        for ward in wards:
            became[old].append((not ward["isDefaultNewWard"], new_ward[pk, ward["newWardKey"]]))
province_became = {old: new_province[new][0] for new, olds in converter["DICT_PROVINCE"].items() for old in olds}

tree = {}
for row in units.execute(
    "SELECT provinceKey, districtKey, wardKey, provinceCode, districtCode, wardCode, province, district, ward,"
    " districtAlias, wardAlias FROM admin_units_legacy"
):
    pk, dk, wk, pc, dc, wc, province, district, ward, district_alias, ward_alias = row
    new = ",".join(code for _, code in sorted(became[f"{pk}_{dk}_{wk or ''}"]))
    districts = tree.setdefault((pc, province, province_became[pk]), {})
    aliases = " ".join(short_aliases(district_alias, ["huyen", "thixa", "thanhpho", "quan", "tx", "tp"]))
    wards = districts.setdefault((dc, district, aliases), [])
    wards.append((wc, ward, new, " ".join(short_aliases(ward_alias, ["phuong", "xa", "thitran"]))))

with open(f"{target}/places-before-2025-07.tsv", "w", encoding="utf-8") as out:
    for (pc, province, new), districts in sorted(tree.items()):
        out.write(f"{pc}\t{province}\t{new}\n")
        for (dc, district, aliases), wards in sorted(districts.items()):
            whole = wards[0][2] if wards[0][0] is None else ""  # an island district without wards
            out.write(f"{dc}\t{district}\t{whole}\t{aliases}".rstrip() + "\n")
            for ward in sorted(w for w in wards if w[0] is not None):
                out.write("\t".join(ward).rstrip() + "\n")
