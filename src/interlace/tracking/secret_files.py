"""Detection of files that may hold secrets, by name and content, to leave them out of shared run directories."""

import math
import re
from collections import Counter
from fnmatch import fnmatch
from pathlib import PurePosixPath

# Names of files and folders, case-insensitive: keys, settings that may contain keys, and suspicious words.
FILES = (
    ".env*", "*.env", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".npmrc", ".yarnrc*", ".pypirc", ".git-credentials",
    ".gitconfig", ".htpasswd", ".dockercfg", ".dockerconfigjson", ".s3cfg", ".boto", ".vault*", "kubeconfig*", "*.pem",
    "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.asc", "*.gpg", "*.pgp", "*.ovpn",
    "*.tfstate*", "*.tfvars", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*_rsa", "*.token", "*service_account*",
    "*service-account*",
)  # fmt: skip
FOLDERS = (".aws", ".azure", ".config", ".docker", ".gcloud", ".gnupg", ".kube", ".netlify", ".password-store", ".ssh")
WORDS = re.compile(
    r"secret|credential|passw(or)?d|passphrase|api[_-]?key|private[_-]?key|access[_-]?key|(auth|access|api|bot)[_-]?token"
    r"|^tokens?\.(txt|json|ya?ml|toml|ini|cfg)$",
    re.IGNORECASE,
)
CODE = frozenset({
    ".c", ".cc", ".cpp", ".cu", ".cuh", ".css", ".go", ".h", ".hpp", ".html", ".ipynb", ".j2", ".jinja", ".jl", ".js",
    ".proto", ".py", ".pyi", ".pyx", ".r", ".rs", ".scala", ".sql", ".ts",
})  # fmt: skip
# Untracked files are included in the patch where a run can depend on files of this suffix.
SOURCE = CODE | {".bash", ".cfg", ".ini", ".json", ".mk", ".sbatch", ".sh", ".toml", ".yaml", ".yml"}

FORMATS = {
    "a private key": r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1\w{20}",
    "a key of AWS": r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{22,}",
    "a token of GitLab": r"\bgl(?:pat|ptt|dt|rt)-[\w-]{20,}",
    "a token of Slack": r"\bxox[abeoprs]-[\w-]{10,}|hooks\.slack\.com/services/T\w+",
    "a key of Google": r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}",
    "a key of W&B": r"\b(?:local|wandb_v\d)[-_][0-9a-zA-Z_-]{40,}",
    "a key of a service": r"\b(?:sk|rk|pk)[-_](?:live|test|ant|proj|or)[-_][\w-]{10,}|\bsk-[A-Za-z0-9]{32,}"
    r"|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bnpm_[A-Za-z0-9]{36}|\bpypi-[\w-]{50,}|\bdop_v1_[0-9a-f]{64}",
    "a signed token": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}",
    "a password in an address": r"://[^\s/:@'\"{}<>$]{1,200}:[^\s/@'\"{}<>$]{3,200}@",
    "a password of .netrc": r"\bmachine\s+\S+\s+login\s+\S+\s+password\s+\S+",
    "a key of Azure": r"\bAccountKey=[\w+/=]{40,}",
}
PATTERNS = {what: re.compile(pattern) for what, pattern in FORMATS.items()}
ASSIGNED = re.compile(
    r"""(?P<name>(?:passw(?:or)?d|passphrase|pwd|secret|credential|api[_-]?key|access[_-]?key|private[_-]?key
    |token|_key\b|_auth\b)[\w-]{0,40})["']?[ \t]{0,9}(?::=|=>|=|:)[ \t]{0,9}
    (?:[rbf]?(?P<quote>["'])(?P<quoted>[^"'\n]{6,200})(?P=quote)|(?P<bare>[^\s"',;#{}()\[\]<>]{6,200})(?=\s|$|,|;))""",
    re.IGNORECASE | re.VERBOSE,
)
PLAIN_WORDS = re.compile(
    r"passw(or)?d|passphrase|pwd|secret|credential|api[_-]?key|access[_-]?key|private[_-]?key", re.I
)
LEAST_ENTROPY = 3.3  # bits per character; words have less than 3, random letters and digits about 4


def secret_name(name: str, *, tracked: bool) -> str | None:
    """The reason why a file may hold a secret, by its path below the checkout; None for others.

    For tracked source code suspicious words in the name do not count, as the code may be about secrets.
    """
    path = PurePosixPath(name.lower())
    if any(fnmatch(path.name, pattern) for pattern in FILES) or any(part in FOLDERS for part in path.parts[:-1]):
        return "may hold a secret by its name"
    if not (tracked and path.suffix in CODE) and any(WORDS.search(part) for part in path.parts):
        return "may hold a secret by its name"
    return None


def secret_content(content: bytes, name: str) -> str | None:
    """The kind of secret that the text of a file or patch may hold; None for others."""
    text = content.decode("utf-8", errors="replace")
    for what, pattern in PATTERNS.items():
        if pattern.search(text):
            return f"may hold {what}"
    is_code = PurePosixPath(name.lower()).suffix in CODE
    for found in ASSIGNED.finditer(text):
        value = found["quoted"] or ("" if is_code else found["bare"])
        if value and _is_secret(found["name"], value):
            return f"may hold a secret, assigned to {found['name']}"
    return None


def _is_secret(name: str, value: str) -> bool:
    """True where a value assigned to a suspicious name may be a secret: a password, or a random-looking token."""
    if re.match(r"[$<{%*\[]|null$|none$|true$|false$|\?\?\?", value, re.IGNORECASE) or len(set(value)) < 4:
        return False
    random = len(value) >= 16 and re.fullmatch(r"[\w+/=.~-]+", value) is not None and _entropy(value) >= LEAST_ENTROPY
    random = random and bool(re.search(r"\d", value)) and bool(re.search(r"[A-Za-z]", value))
    return random or (PLAIN_WORDS.search(name) is not None and re.search(r"\s", value) is None)


def _entropy(text: str) -> float:
    """Shannon entropy in bits per character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
