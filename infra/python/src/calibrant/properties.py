"""Connections from the file of ``--command-config``: one for Java's commands and these."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calibrant.connection import Connection

_BOOTSTRAP, _REGISTRY, _PREFIX = "bootstrap.servers", "schema.registry.url", "calibrant.topic.prefix"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_NUMBERS = "timeout max.retries retries.wait.ms retries.max.wait.ms cache.capacity cache.latest.ttl.sec".split()
_LINE = re.compile(r"((?:\\.|[^\\=:\s])*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_BARE = ("basic.auth.", "bearer.auth.", "proxy.")
_USER_INFO = "basic.auth.user.info"
_SOURCE, _TOKEN = "bearer.auth.credentials.source", "bearer.auth.token"
_CLUSTER, _POOL = "bearer.auth.logical.cluster", "bearer.auth.identity.pool.id"
_CREDENTIALS = re.compile(r"(?<=//)[^/@,]*@")
# What only Java's clients know, what librdkafka and the registry's client have in its place, and what that is. A file
# may have both: then the latter is meant.
_STORES = {
    "ssl.truststore.location": (("ssl.ca.location",), "the authorities' certificates"),
    "ssl.truststore.certificates": (("ssl.ca.pem",), "the authorities' certificates"),
    "ssl.keystore.location": (("ssl.certificate.location", "ssl.key.location"), "the client's certificate and key"),
    "ssl.keystore.certificate.chain": (("ssl.certificate.pem",), "the client's certificates"),
    "ssl.keystore.key": (("ssl.key.pem",), "the client's key"),
}
# What says how Java opens these stores, and by which name it asks for TLS.
_JAVAS_ALONE = ("ssl.truststore.password", "ssl.truststore.type", "ssl.keystore.type", "ssl.protocol")
_OF_TLS = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password")
_PEM = re.compile(r"(-----BEGIN ([^-]+)-----)(.*?)(-----END \2-----)", re.DOTALL)


def connection(
    file: str | Path | None,
    bootstrap_servers: str | None = None,
    schema_registry: str | None = None,
    topic_prefix: str | None = None,
) -> Connection:
    """Where Kafka and the registry are; what is given besides the file wins over it.

    The file has librdkafka's keys, or those of Kafka's Java clients with which it can do: SASL with
    ``sasl.jaas.config``, TLS with PEM. The registry's keys may have ``schema.registry.`` before them, which wins.
    Raises ``ValueError`` that names the key; no value of a secret is in it.
    """
    settings = {} if file is None else dict(read(file))
    servers = bootstrap_servers or settings.pop(_BOOTSTRAP, None)
    registry = schema_registry or settings.pop(_REGISTRY, None)
    prefix = topic_prefix if topic_prefix is not None else settings.pop(_PREFIX, "calibrant.")
    for found, flag, key in ((servers, "--bootstrap-server", _BOOTSTRAP), (registry, "--schema-registry", _REGISTRY)):
        if not found:
            raise ValueError(f"{flag} must be given, or {key} in the file of --command-config, got nothing")
    ours = {key: value for key, value in settings.items() if not key.startswith("calibrant.") and key != _BOOTSTRAP}
    of_registry = {}
    for before in (_BARE, ("schema.registry.",)):
        for key in [*ours]:
            if key.startswith(before):
                value = ours.pop(key)
                if value.strip() or key.endswith("ssl.endpoint.identification.algorithm"):
                    of_registry[key.removeprefix("schema.registry.")] = value
    of_registry.pop("url", None)
    kafka = _kafka(ours)
    asked = _registry(of_registry, kafka)
    if _USER_INFO in asked or _SOURCE in asked:
        registry = _CREDENTIALS.sub("", str(registry))  # they win over the address's
    return Connection(str(servers), str(registry), prefix, kafka, asked)


def read(file: str | Path) -> Iterator[tuple[str, str]]:
    """Keys and values of a file, as ``java.util.Properties`` reads it."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ValueError(
            f"--command-config must be a file of key=value lines that can be read, got '{file}'"
        ) from problem
    whole = ""
    for line in [*re.split("\r\n|\r|\n", text), ""]:
        line = line.lstrip(" \t\f")
        if not whole and (not line or line[0] in "#!"):
            continue
        whole += line
        if (len(whole) - len(whole.rstrip("\\"))) % 2:
            whole = whole[:-1]
            continue
        found = _LINE.match(whole)
        assert found is not None  # it matches any line
        yield _plain(found[1]), _plain(found[2])
        whole = ""


def _plain(text: str) -> str:
    """Without the escapes of a file of properties."""

    def meant(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2], found[2])

    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", meant, text)


def _kafka(given: dict[str, str]) -> dict[str, Any]:
    """Settings of librdkafka."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key in _STORES and _STORES[key][0][0] in given:
            continue  # what stands beside it is meant
        if key == "ssl.keystore.location" and _kind(key, given, "PKCS12") == "PKCS12":
            found[key] = value  # of that type it is a key of librdkafka's own
        elif key in _STORES:
            for own in _STORES[key][0]:
                found[own] = _pem(key, given)
        elif key == "ssl.keystore.password":
            if _kind("ssl.keystore.location", given, "PKCS12") == "PKCS12":
                found[key] = value
        elif key == "sasl.jaas.config":
            if "sasl.username" not in given:
                found["sasl.username"], found["sasl.password"] = _user(value)
        elif key == "ssl.endpoint.identification.algorithm":
            found[key] = value or "none"
        elif key not in _JAVAS_ALONE:
            found[key] = value
    return found


def _kind(key: str, given: dict[str, str], default: str = "JKS") -> str:
    """Of which type a store is."""
    return given.get(".".join([*key.split(".")[:2], "type"]), default).upper()


def _pem(key: str, given: dict[str, str], before: str = "") -> str:
    kind = _kind(key, given)
    if kind != "PEM":
        others, what = _STORES[key]
        kinds = "PEM or PKCS12" if key == "ssl.keystore.location" and not before else "PEM"
        raise ValueError(
            f"{before}{key} must be of type {kinds}, or {' and '.join(before + one for one in others)} must name"
            f" {what} beside it, got one of type {kind}"
        )
    return given[key] if key.endswith(".location") else _lines(before + key, given[key])


def _lines(key: str, text: str) -> str:
    """PEM as OpenSSL reads it: in a file of properties all of it is often one line, which suits Java."""
    blocks = _PEM.findall(text)
    if not blocks:
        raise ValueError(f"{key} must be PEM, from -----BEGIN to -----END, got another text")
    if "\n" in text:
        return text
    found = []
    for begin, _, body, end in blocks:
        found += [begin, *textwrap.wrap("".join(body.split()), 64), end]
    return "\n".join(found) + "\n"


def _user(login: str) -> tuple[str, str]:
    """Name and password of a line for Java's login modules."""
    found = {name: value for name, value in re.findall(r'\b(username|password)\s*=\s*"((?:[^"\\]|\\.)*)"', login)}
    if not re.search(r"\b(Scram|Plain)LoginModule\b", login) or len(found) != 2:
        raise ValueError(
            "sasl.jaas.config must be of ScramLoginModule or PlainLoginModule with username and password in quotes, got"
            " another one: librdkafka's own keys (sasl.username, sasl.oauthbearer...) may stand beside it"
        )
    name, password = (re.sub(r"\\(.)", r"\1", found[part]) for part in ("username", "password"))
    return name, password


def _basic(given: dict[str, str], kafka: dict[str, Any]) -> str | None:
    """user:password, or None where the address has them or nothing does."""
    source = given.pop("basic.auth.credentials.source", "").upper()
    own = given.pop(_USER_INFO, None)
    if source not in ("", "URL", "USER_INFO", "SASL_INHERIT"):
        raise ValueError(f"basic.auth.credentials.source must be one of URL, USER_INFO, SASL_INHERIT, got '{source}'")
    if source == "SASL_INHERIT":
        if "sasl.username" not in kafka:
            raise ValueError("basic.auth.credentials.source must have a user to inherit, got SASL_INHERIT and no SASL")
        return f"{kafka['sasl.username']}:{kafka['sasl.password']}"
    if source == "USER_INFO" and own is None:
        raise ValueError(f"{_USER_INFO} must be user:password, got nothing")
    return None if source == "URL" else own


def _bearer(given: dict[str, str]) -> dict[str, str]:
    """A token, and what the client asks for beside it."""
    found = {key: given.pop(key) for key in [*given] if key.startswith("bearer.auth.")}
    if not found:
        return {}
    source = found.setdefault(_SOURCE, "STATIC_TOKEN").upper()
    if source == "STATIC_TOKEN":
        if _TOKEN not in found:
            raise ValueError(f"{_TOKEN} must be a token beside {next(iter(found))}, got nothing")
        if _CLUSTER not in found:  # of a registry that is not in Confluent's cloud; the client asks for both
            found = {_CLUSTER: "", _POOL: "", **found}
    return {**found, _SOURCE: source}


def _registry(given: dict[str, str], kafka: dict[str, Any]) -> dict[str, Any]:
    """Settings of Confluent's ``SchemaRegistryClient``."""
    basic = _basic(given, kafka)
    found: dict[str, Any] = _bearer(given)
    if basic is not None and not found:  # a token wins
        found[_USER_INFO] = basic
    host, port = given.pop("proxy.host", None), given.pop("proxy.port", None)
    if host:
        found["proxy"] = f"http://{host}:{port or 80}"
    for key, value in given.items():
        if key in _STORES:
            others, what = _STORES[key]
            file = others[0].replace(".pem", ".location")
            if file in given:
                continue  # what stands beside it is meant
            if not key.endswith(".location"):
                raise ValueError(
                    f"schema.registry.{key} must be left out, or schema.registry.{file} must name a file of PEM with"
                    f" {what} beside it, got it as text"
                )
            for own in others:
                found[own] = _pem(key, given, "schema.registry.")
        elif key in _NUMBERS:
            if not value.isdigit():
                raise ValueError(f"schema.registry.{key} must be a whole number, got '{value}'")
            found[key] = int(value)
        elif key in _OF_TLS or key == "proxy":
            found[key] = value
        elif key == "ssl.endpoint.identification.algorithm" and value.lower() == "https":
            continue  # names are always compared
        elif key not in (*_JAVAS_ALONE, "ssl.keystore.password"):
            raise ValueError(f"schema.registry.{key} must be left out: the client of this package does not know it")
    return found
