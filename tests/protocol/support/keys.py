"""Certificates and keys of a run: `python -m support.keys FOLDER` makes them."""

import datetime
import ipaddress
import json
import sys
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

ALGORITHMS = ["RS256", "ES256", "EdDSA"]


def read_key(folder: Path, alg: str) -> Any:
    return JWKRegistry.import_key(json.loads((folder / f"client-{alg}.private.jwk.json").read_text()))


def new_key(alg: str, kid: str) -> Any:
    about = {"kid": kid, "use": "sig"}
    match alg:
        case "RS256" | "PS256":
            return RSAKey.generate_key(2048, about)
        case "ES256":
            return ECKey.generate_key("P-256", about)
        case _:
            return OKPKey.generate_key("Ed25519", about)


def _client_keys(folder: Path) -> None:
    keys = {alg: new_key(alg, f"key-{alg}") for alg in ALGORITHMS}
    for alg, key in keys.items():
        (folder / f"client-{alg}.private.jwk.json").write_text(json.dumps(key.as_dict(private=True)))
    public = {"keys": [key.as_dict(private=False) for key in keys.values()]}
    (folder / "client.jwks.json").write_text(json.dumps(public))


def _certificates(folder: Path) -> None:
    """An authority of this run's own, and its certificate for `localhost`."""
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)

    def build(subject: str, issuer: str, key: Any) -> x509.CertificateBuilder:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        builder = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named(issuer))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - day).not_valid_after(now + day)

    authority_key = ec.generate_private_key(ec.SECP256R1())
    key_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = build("protocol tests", "protocol tests", authority_key)
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = dict.fromkeys(
        ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"], False
    )
    usage |= {"key_cert_sign": True, "crl_sign": True, "encipher_only": False, "decipher_only": False}
    authority = authority.add_extension(x509.KeyUsage(**usage), critical=True)
    authority = authority.add_extension(key_id, critical=False).sign(authority_key, hashes.SHA256())

    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = build("localhost", "protocol tests", key)
    certificate = certificate.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = certificate.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id)
    certificate = certificate.add_extension(by, critical=False).sign(authority_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    private = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    (folder / "server.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "server.key").write_bytes(key.private_bytes(*private))
    (folder / "server.key").chmod(0o600)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    _certificates(place)
    _client_keys(place)
