"""What devices are called: the vendors' own commands and the host's processor."""

import platform
import re
import subprocess

# Commands of the vendors that list cards, and how a card's name looks in what they print.
QUERIES = {
    "cuda": [("nvidia-smi --query-gpu=name --format=csv,noheader", r"^(.+)$"),
             ("rocm-smi --showproductname", r"Card [Ss]eries:\s*(.+)$"), ("mx-smi", r"\b(MetaX \w+|MXC\d+)"),
             ("ixsmi", r"\b(Iluvatar [\w-]+)"), ("hy-smi --showproductname", r"Card [Ss]eries:\s*(.+)$")],
    "npu": [("npu-smi info", r"^\|\s*\d+\s+([A-Za-z]*\d[\w-]*)\s*\|\s*(?:OK|Warning|Alarm|Critical)")],
    "mlu": [("cnmon info", r"Product Name\s*:\s*(.+)$"), ("cnmon", r"\b((?i:MLU)\d[\w-]*)")],
    "musa": [("mthreads-gmi -q", r"Product Name\s*:\s*(.+)$"), ("mthreads-gmi", r"\b(MTT \w+)")],
    "supa": [("brsmi", r"\b((?i:Biren ?\w+|BR\d+\w*))")],
    "gcu": [("efsmi -q", r"(?:Product|Dev) Name\s*:\s*(.+)$"), ("efsmi", r"\b(Enflame [\w ]*\w|[TiSL]\d{2,3})\b")],
    "hpu": [("hl-smi -Q name -f csv,noheader", r"^(?!name$)(.+)$")],
    "xpu": [("xpu-smi discovery", r"Device Name:\s*([^|]+)")],
    "mps": [("sysctl -n machdep.cpu.brand_string", r"^(.+)$")],
}
BRANDS = {"npu": "Ascend ", "hpu": "Habana "}


def output_of(command):
    """What a command prints; nothing if it is missing, fails or takes long."""
    try:
        done = subprocess.run(command.split(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def clean(text):
    """A text as a part of a device's id: one line without slashes."""
    return re.sub(r"\s+", " ", re.sub(r"[/\\\x00-\x1f\x7f]", " ", str(text))).strip()[:120]


def card_name(kind, index):
    """What the vendor's own command calls a card, or nothing."""
    for command, pattern in QUERIES.get(kind, []):
        names = re.findall(pattern, output_of(command), re.M)
        if names:
            name = clean(names[index] if index < len(names) else names[0])
            brand = BRANDS.get(kind, "")
            return name if brand.strip().lower() in name.lower() else brand + name
    return ""


def processor_name():
    """The host's processor as its maker calls it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as text:
            found = re.search(r"^model name\s*:\s*(.+)$", text.read(), re.M)
    except OSError:
        found = None
    name = found[1] if found else ""
    if not name and platform.system() == "Darwin":
        name = output_of("sysctl -n machdep.cpu.brand_string")
    if not name:
        listed = re.search(r"^Model name:\s*(.+)$", output_of("lscpu"), re.M)
        name = listed[1] if listed and listed[1].strip() != "-" else platform.processor()
    return clean(name) or clean(platform.machine()) + " processor"
