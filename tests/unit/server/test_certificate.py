"""A certificate on disk is read with its key, or not at all."""

import datetime as dt
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from one_api_infra.server import certificate, certificate_file
from one_api_infra.shared import paths
from one_api_infra.shared.certificate import Certificate
from tests.unit import examples

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PEM = serialization.Encoding.PEM


def private() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def written(folder: Path, key: ec.EllipticCurvePrivateKey, *names: str) -> tuple[Path, Path]:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 0x1F)
    builder = builder.not_valid_before(BEGIN).not_valid_after(BEGIN + dt.timedelta(days=6))
    found = [x509.DNSName(name) for name in names]
    builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
    chain, secret = folder / "fullchain.pem", folder / "privkey.pem"
    chain.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(PEM, *form))
    return chain, secret


def test_read(tmp_path: Path) -> None:
    chain, key = written(tmp_path, private(), "pay.example.com", "*.example.com")
    key.chmod(0o604)
    found = certificate.read("pay", chain, key)
    assert found
    assert found.names == ("pay.example.com", "*.example.com")
    assert (found.serial, found.not_before) == ("1f", BEGIN.timestamp())
    assert found.not_after - found.not_before == 6 * 86400
    assert found.key_matches
    assert found.self_signed
    assert not found.key_is_private


def test_another_key_does_not_match(tmp_path: Path) -> None:
    chain, _key = written(tmp_path, private(), "pay.example.com")
    (tmp_path / "other").mkdir()
    _chain, key = written(tmp_path / "other", private(), "pay.example.com")
    found = certificate.read("pay", chain, key)
    assert found
    assert not found.key_matches


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\n", b"\xff"])
@pytest.mark.parametrize("which", [0, 1])
def test_what_cannot_be_read_is_none(tmp_path: Path, content: bytes, which: int) -> None:
    files = written(tmp_path, private(), "pay.example.com")
    files[which].write_bytes(content)
    assert certificate.read("pay", *files) is None
    files[which].unlink()
    assert certificate.read("pay", *files) is None


def test_is_read_anew_only_when_its_files_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, calls, library = tmp_path / "seen", list[str](), certificate_file.read

    def counted(name: str, chain: Path, key: Path) -> Certificate | None:
        calls.append(name)
        return library(name, chain, key)

    monkeypatch.setattr(paths, "CERTIFICATES_SEEN", str(seen))
    monkeypatch.setattr(certificate_file, "read", counted)
    chain, key = written(tmp_path, private(), "pay.example.com")
    first = certificate.read("pay", chain, key)
    assert (certificate.read("pay", chain, key), len(calls)) == (first, 1)
    key.touch()
    assert (certificate.read("pay", chain, key), len(calls)) == (first, 2)
    seen.write_text("damaged")
    assert (certificate.read("pay", chain, key), len(calls)) == (first, 3)
    written(tmp_path, private(), "shop.example.com")
    found = certificate.read("pay", chain, key)
    assert found
    assert found.names == ("shop.example.com",)
    assert "pay.example.com" not in seen.read_text()


def test_what_is_kept_names_no_earlier_domain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "certificates"
    monkeypatch.setattr(paths, "CERTIFICATES_SEEN", str(kept))
    monkeypatch.setattr(paths, "LETSENCRYPT", str(tmp_path))
    for name in ("old.example.com", "new.example.com"):
        (tmp_path / "live" / name).mkdir(parents=True)
        written(tmp_path / "live" / name, private(), name)
        certificate.observe(examples.site().public())
    assert "old.example.com" in kept.read_text()
    shutil.rmtree(tmp_path / "live/old.example.com")
    found = certificate.observe(examples.site().public())
    assert [each.name for each in found] == ["new.example.com"]
    assert "old.example.com" not in kept.read_text()
