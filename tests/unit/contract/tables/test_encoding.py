"""Text in any encoding is read rightly, with a word about it, or refused with a remedy that works."""

from pathlib import Path

import pytest

from contract.errors import UserError
from contract.tables.encoding import find_encoding
from contract.tables.options import ReadOptions
from contract.tables.reading import open_raw

WESTERN = {
    "german": "Müller,Größe,Köln,weiß,Jäger,Straße,Österreich,Übung,Weiß,ÖZGÜR,MÜLLER",
    "french": "Éloïse,François,Zoë,Hélène,garçon,naïve,Noël,où,ça,été,À côté,Benoît",
    "spanish": "Muñoz,García,Íñigo,¿Qué?,Ángel,Begoña,López",
    "portuguese": "João,São Paulo,Conceição,Gonçalves,Simões",
    "italian": "Nicolò,città,perché,Forlì,più",
    "nordic": "Åse,Øystein,Bjørn,Håkan,Hämäläinen,Søren,Ærø,Pääkkönen",
    "one name": "Müller",
}
ELSEWHERE = {
    "polish": "Łukasz,Małgorzata,Wałęsa,Żółć,Święta,Gdańsk,Paweł,Łódź",
    "czech": "Novák,Dvořák,Černý,Růžička,Jiří,Žižka,Veselý,Němec,Tomáš,Ondřej",
    "croatian": "Kovačić,Šimić,Željko,Đurđa",
    "turkish": "Şahin,Yıldız,Çağlar,Gökçe,İstanbul,Işık",
    "russian": "Иванов,Петров,Москва,да,нет",
    "greek": "Παπαδόπουλος,Αθήνα",
    "japanese": "佐藤,鈴木,東京,はい,いいえ",
    "chinese": "张三,李四,男,女,是,否",
    "korean": "김철수,서울,남,여",
    "lithuanian": "Kazlauskienė,Žukauskas,Šarūnas,Mažeikiai",
}


def written(folder: Path, names: str, encoding: str) -> Path:
    path = folder / "table.csv"
    rows = "".join(f"{number};{name};{number}\n" for number, name in enumerate(names.split(",")))
    path.write_bytes(f"Id;Name;Amount\n{rows}".encode(encoding))
    return path


def names_read(path: Path, encoding: str | None = None) -> tuple[str, list[str]]:
    table = open_raw(path, (), "table", ReadOptions(encoding=encoding))
    return ",".join(cell for [column] in table.chunks([1], 1_000) for cell in column), table.repairs


def refusal(path: Path, encoding: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        find_encoding(path, encoding, "table")
    return str(caught.value)


@pytest.mark.parametrize("language", WESTERN)
@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16 (little-endian, without a mark)"),
        ("utf-16-be", "UTF-16 (big-endian, without a mark)"),
        ("utf-32", "UTF-32"),
        ("cp1252", "Windows-1252"),
        ("iso8859-1", "Windows-1252"),
        ("iso8859-15", "Windows-1252"),
    ],
)
def test_a_western_language_is_read_and_the_encoding_told(
    language: str, encoding: str, told: str | None, tmp_path: Path
) -> None:
    read, repairs = names_read(written(tmp_path, WESTERN[language], encoding))

    assert read == WESTERN[language]
    assert [repair for repair in repairs if "text in" in repair] == (
        [f"it is read as text in {told}, not UTF-8"] if told else []
    )


def test_signs_tell_the_western_encodings_apart(tmp_path: Path) -> None:
    assert names_read(written(tmp_path, "5 €,Käse – “gut”,it’s", "cp1252"))[0] == "5 €,Käse – “gut”,it’s"
    read, repairs = names_read(written(tmp_path, "5 €,Käse", "iso8859-15"))
    assert read == "5 €,Käse"
    assert "it is read as text in ISO-8859-15, not UTF-8" in repairs


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        *((language, encoding) for language in ("german", "nordic", "one name") for encoding in ("cp850", "mac-roman")),
        ("spanish", "cp850"),
        ("polish", "cp1250"),
        ("polish", "iso8859-2"),
        ("czech", "cp1250"),
        ("czech", "iso8859-2"),
        ("croatian", "cp1250"),
        ("turkish", "cp1254"),
        ("russian", "cp1251"),
        ("russian", "koi8-r"),
        ("russian", "cp866"),
        ("greek", "cp1253"),
        ("japanese", "shift_jis"),
        ("japanese", "euc-jp"),
        ("chinese", "gb18030"),
        ("korean", "euc-kr"),
        ("lithuanian", "cp1257"),
        ("german", "utf-32-le"),
    ],
)
def test_another_encoding_is_refused_and_the_remedy_works(language: str, encoding: str, tmp_path: Path) -> None:
    names = (WESTERN | ELSEWHERE)[language]
    path = written(tmp_path, names, encoding)

    assert "it cannot be told" in refusal(path) or "not in Windows-1252" in refusal(path)
    assert "--encoding" in refusal(path)
    read, repairs = names_read(path, encoding)
    assert read == names
    assert not any("text in" in repair for repair in repairs)


def test_text_in_utf8_with_a_broken_line_is_not_taken_for_another_encoding(tmp_path: Path) -> None:
    path = written(tmp_path, WESTERN["german"], "utf-8")
    lines = path.read_bytes().split(b"\n")
    lines[4] = "3;Höß;3".encode("cp1252")
    path.write_bytes(b"\n".join(lines))

    assert "text in UTF-8, but its line 5 has bytes that are not" in refusal(path)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("no-such", "--encoding 'no-such' is not a known encoding"),
        ("base64", "--encoding 'base64' is not a known encoding"),
        ("ascii", "is not text in ascii"),
        ("latin-1", "is not text in latin-1: some of its bytes have no meaning there, or mean control characters"),
        ("utf-8", "is not text in utf-8"),
    ],
)
def test_a_wanted_encoding_that_does_not_fit_is_refused(encoding: str, expected: str, tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "5 €,Müller", "cp1252"), encoding)

    assert expected in message
    assert "cp1252 (Western Europe)" in message


def test_a_letter_far_into_the_file_is_found_when_it_is_opened(tmp_path: Path) -> None:
    path = written(tmp_path, ",".join(["Meier"] * 200_000 + ["Müller"]), "cp1252")

    assert find_encoding(path, None, "table").codec == "cp1252"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    for content in (b"\x89PNG\xff\xfe\x00", b"Id,Name\n1,\x00\xe4\n", bytes(range(256)) * 10):
        path.write_bytes(content)
        assert "--encoding" in refusal(path)
