"""Makes small files of every kind, byte by byte: what the readers read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_REL = "http://schemas.openxmlformats.org/package/2006/relationships"
_X = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_CORE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">'
    "<dc:title>{title}</dc:title><dcterms:modified>2024-03-01T10:00:00Z</dcterms:modified></cp:coreProperties>"
)


def zipped(entries: Mapping[str, str | bytes], *, compress: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compress) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def docx(body: str, *, title: str = "Annual report", **more: str | bytes) -> bytes:
    """A Word document; `body` is what stands in w:body."""
    document = f'<?xml version="1.0"?><w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>'
    styles = (
        f'<w:styles xmlns:w="{_W}"><w:style w:styleId="H2x"><w:name w:val="heading 2"/></w:style>'
        '<w:style w:styleId="Own"><w:name w:val="Mine"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style></w:styles>'
    )
    core = _CORE.format(title=title)
    return zipped({"word/document.xml": document, "word/styles.xml": styles, "docProps/core.xml": core, **more})


def paragraph(text: str, style: str = "") -> str:
    styled = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{styled}<w:r><w:t>{text}</w:t></w:r></w:p>"


def pptx() -> bytes:
    """Two slides, stored in the other order than they are shown; the first has a table and notes."""

    def shape(text: str, kind: str = "") -> str:
        holder = f'<p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr>' if kind else ""
        return f"<p:sp>{holder}<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"

    def slide(*shapes: str, root: str = "sld") -> str:
        inner = "".join(shapes)
        return f'<p:{root} xmlns:p="{_P}" xmlns:a="{_A}"><p:cSld><p:spTree>{inner}</p:spTree></p:cSld></p:{root}>'

    def relations(**targets: str) -> str:
        inner = "".join(
            f'<Relationship Id="{key}" Type="x/{value.split("|")[0]}" Target="{value.split("|")[1]}"/>'
            for key, value in targets.items()
        )
        return f'<Relationships xmlns="{_REL}">{inner}</Relationships>'

    cells = "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>" for text in ("Rent", "900"))
    table = f"<p:graphicFrame><a:tbl><a:tr>{cells}</a:tr></a:tbl></p:graphicFrame>"
    order = '<p:sldIdLst><p:sldId r:id="b"/><p:sldId r:id="a"/></p:sldIdLst>'
    return zipped(
        {
            "ppt/presentation.xml": f'<p:presentation xmlns:p="{_P}" xmlns:r="{_R}">{order}</p:presentation>',
            "ppt/_rels/presentation.xml.rels": relations(a="slide|slides/slide1.xml", b="slide|slides/slide2.xml"),
            "ppt/slides/slide2.xml": slide(shape("Budget", "title"), shape("We spend less."), table),
            "ppt/slides/slide1.xml": slide(shape("Thanks", "ctrTitle")),
            "ppt/slides/_rels/slide2.xml.rels": relations(n="notesSlide|../notesSlides/n.xml"),
            "ppt/notesSlides/n.xml": slide(shape("Say it slowly.", "body"), shape("2", "sldNum"), root="notes"),
        }
    )


def xlsx() -> bytes:
    """One sheet with a head, a date, a formula's last value; and one without a head."""
    strings = "".join(f"<si><t>{text}</t></si>" for text in ("Item", "Price", "Bought", "Lamp"))
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>'
        '<row r="2"><c r="A2" t="s"><v>3</v></c><c r="B2"><f>10*2</f><v>20</v></c><c r="C2" s="1"><v>45351</v></c></row>'
        '<row r="3"><c r="B3"><v>2.5</v></c></row>'
    )
    other = '<row r="1"><c r="A1"><v>1</v></c><c r="B1" t="inlineStr"><is><t>loose</t></is></c></row>'
    sheets = '<sheet name="Shopping" sheetId="1" r:id="r1"/><sheet name="Rest" sheetId="2" r:id="r2"/>'
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return zipped(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            f'<Override PartName="/xl/workbook.xml" ContentType="{types}.sheet.main+xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{_REL}"><Relationship Id="a" Type="{_R}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{_X}" xmlns:r="{_R}"><sheets>{sheets}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_REL}">'
            f'<Relationship Id="r1" Type="{_R}/worksheet" Target="worksheets/one.xml"/>'
            f'<Relationship Id="r2" Type="{_R}/worksheet" Target="worksheets/two.xml"/>'
            f'<Relationship Id="r3" Type="{_R}/sharedStrings" Target="sharedStrings.xml"/>'
            f'<Relationship Id="r4" Type="{_R}/styles" Target="styles.xml"/></Relationships>',
            "xl/sharedStrings.xml": f'<sst xmlns="{_X}">{strings}</sst>',
            "xl/styles.xml": f'<styleSheet xmlns="{_X}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
            "</styleSheet>",
            "xl/worksheets/one.xml": f'<worksheet xmlns="{_X}"><sheetData>{rows}</sheetData></worksheet>',
            "xl/worksheets/two.xml": f'<worksheet xmlns="{_X}"><sheetData>{other}</sheetData></worksheet>',
        }
    )


def odf(body: str, kind: str = "text") -> bytes:
    names = (("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"))
    spaces = " ".join(f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"' for short, long in names)
    content = f"<office:document-content {spaces}><office:body><office:{kind}>{body}</office:{kind}></office:body>"
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": content + "</office:document-content>",
            "META-INF/manifest.xml": '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        },
        compress=zipfile.ZIP_STORED,
    )


def epub(**chapters: str) -> bytes:
    items = "".join(f'<item id="{name}" href="text/{name}%20x.xhtml"/>' for name in chapters)
    order = "".join(f'<itemref idref="{name}"/>' for name in chapters)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>The Sea</dc:title></metadata><manifest>{items}</manifest><spine>{order}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    )
    pages = {
        f"OEBPS/text/{name} x.xhtml": '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>'
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>{body}</body></html>'
        for name, body in reversed(chapters.items())
    }
    return zipped(
        {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "OEBPS/book.opf": package, **pages}
    )


def pdf(*pages: list[str], title: str = "") -> bytes:
    """A PDF whose pages have these lines. A page without lines is an empty one."""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(), font]
    for number, lines in enumerate(pages):
        shown = b"".join(
            b"(" + line.encode("cp1252").replace(b"(", b"\\(").replace(b")", b"\\)") + b") Tj T*\n" for line in lines
        )
        stream = b"BT /F1 11 Tf 14 TL 50 780 Td\n" + shown + b"ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream")
    objects.append(f"<< /Title ({title}) /CreationDate (D:20240301120000Z) >>".encode())
    return _pdf_file(objects)


def _escaped(line: str) -> bytes:
    return line.encode("cp1252").replace(b"(", b"\\(").replace(b")", b"\\)")


def _pdf_file(objects: list[bytes]) -> bytes:
    out, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>"
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n{trailer}\nstartxref\n{len(out)}\n%%EOF"
    return out + end.encode()


def eml(body: str = "Dear Bo,\n\nthe boat leaves at nine.\n", *, number: int = 1, more: str = "") -> bytes:
    return (
        f"From: Ada <ada@example.org>\nTo: bo@example.org\nSubject: =?utf-8?q?The_b=C3=B6at?= {number}\n"
        f"Date: Tue, 03 Feb 2026 09:12:00 +0100\nMessage-ID: <{number}@example.org>\n{more}"
        f"Content-Type: text/plain; charset=utf-8\n\n{body}"
    ).encode()


def chatgpt() -> bytes:
    def node(role: str, text: str, parent: str | None, *children: str, at: float | None = None) -> dict[str, object]:
        message = {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}, "create_time": at}
        return {"message": message, "parent": parent, "children": list(children)}

    mapping = {
        "root": {"message": None, "parent": None, "children": ["s"]},
        "s": node("system", "hidden", "root", "a"),
        "a": node("user", "Which boat?", "s", "b", "c", at=1_683_554_160.0),
        "b": node("assistant", "The first answer.", "a"),
        "c": node("assistant", "The red one.", "a", at=1_683_554_170.0),
    }
    chat = {"title": "Boats", "conversation_id": "x-1", "current_node": "c", "mapping": mapping}
    return json.dumps([chat, {**chat, "conversation_id": "x-2", "current_node": "b"}]).encode()


def telegram() -> bytes:
    messages = [
        {"id": 1, "type": "service", "date": "2023-05-08T13:56:00", "action": "create", "text": ""},
        {
            "id": 2,
            "type": "message",
            "date": "2023-05-08T13:56:00",
            "date_unixtime": "1683554160",
            "from": "Ada",
            "text": "Hi",
        },
        {
            "id": 3,
            "type": "message",
            "date": "2023-05-09T08:00:00",
            "date_unixtime": "1683619200",
            "from": "Bo",
            "text": ["see ", {"type": "link", "text": "example.org"}, " there"],
        },
    ]
    return json.dumps({"name": "Ada", "type": "personal_chat", "id": 9, "messages": messages}).encode()
