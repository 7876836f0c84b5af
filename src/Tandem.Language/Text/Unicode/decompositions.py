"""Writes decompositions.txt, the Unicode data that Normalization.cs reads, from Python's unicodedata."""
import sys
import unicodedata as u

CONTROL = set(range(0xD800, 0xE000))
with open("decompositions.txt", "w", encoding="ascii", newline="\n") as out:
    print(f"# Unicode {u.unidata_version}, written by decompositions.py.", file=out)
    print("# first-last class: combining classes; code=canonical decomposition; code!=the same, never composed again;", file=out)
    print("# code~compatibility decomposition. Hexadecimal, decompositions not yet applied to their own result.", file=out)
    first = last = value = 0
    for code in range(sys.maxunicode + 2):
        combining = u.combining(chr(code)) if code <= sys.maxunicode else 0
        if combining != value or code > sys.maxunicode:
            if value:
                print(f"{first:X}-{last:X} {value}", file=out)
            first, value = code, combining
        last = code
    for code in range(sys.maxunicode + 1):
        if code in CONTROL:
            continue
        text = u.decomposition(chr(code))
        if text.startswith("<"):
            print(f"{code:X}~{' '.join(f'{int(p, 16):X}' for p in text.split()[1:])}", file=out)
        elif text:
            mark = "=" if u.normalize("NFC", chr(code)) == chr(code) else "!="
            print(f"{code:X}{mark}{' '.join(f'{int(p, 16):X}' for p in text.split())}", file=out)
