"""result: what was measured, in BUILD/bench/bench.json: each program puts its own part there."""

import json
import os
import platform


def machine():
    model = ""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"cpus": os.cpu_count(), "model": model, "arch": platform.machine(),
            "kernel": platform.release().split("-")[0],
            "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20}


def store(build, key, value):
    folder = os.path.join(build, "bench")
    path = os.path.join(folder, "bench.json")
    os.makedirs(folder, exist_ok=True)
    try:
        with open(path, encoding="ascii") as file:
            result = json.load(file)
    except (OSError, ValueError):
        result = {}
    result["machine"] = machine()
    result[key] = value
    with open(path, "w", encoding="ascii") as file:
        json.dump(result, file, indent=1)
    return path
