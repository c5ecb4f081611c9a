#!/usr/bin/python3 -B
"""result: what was measured, in BUILD/bench/bench.json: each program puts its own part there.

tests/bench/result.py BUILD prints it as the tables of the README.
"""

import json
import os
import platform
import statistics
import sys


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


def merge(into, value):
    for name, part in value.items():
        if name == "workloads":
            into.setdefault(name, {}).update(part)
        else:
            into[name] = part


def store(build, key, value):
    """`value`, a dict, joins what was measured before: what has its names is replaced."""
    folder = os.path.join(build, "bench")
    path = os.path.join(folder, "bench.json")
    os.makedirs(folder, exist_ok=True)
    try:
        with open(path, encoding="ascii") as file:
            result = json.load(file)
    except (OSError, ValueError):
        result = {}
    result["machine"] = machine()
    merge(result.setdefault(key, {}), value)
    with open(path, "w", encoding="ascii") as file:
        json.dump(result, file, indent=1)
    return path


def row(*cells):
    print("| " + " | ".join(cells) + " |")


def show_peers(peers):
    """Of each load how much of the untraced rate is left, by tool."""
    loads = list(peers["workloads"])
    names = list(next(iter(peers["workloads"].values()))["tools"])
    row("rate left of untraced", *names)
    row(*["---"] * (len(names) + 1))
    for load in loads:
        tools = peers["workloads"][load]["tools"]
        first = next(runs for runs in tools.values() if runs)
        untraced = statistics.median(run["untraced_rate"] for run in first)
        cells = []
        for name in names:
            rates = [run["rate"] for run in tools[name]]
            cells.append(f"{statistics.median(rates):.2f}" if rates else "failed")
        row(f"{load}: {untraced:,.0f}/s", *cells)


def main(build):
    with open(os.path.join(build, "bench", "bench.json"), encoding="ascii") as file:
        found = json.load(file)
    m = found["machine"]
    print(f"{m['cpus']} CPUs ({m['model']}), {m['memory_mib'] // 1024} GiB, Linux {m['kernel']}\n")
    if "peers" in found:
        show_peers(found["peers"])
        for name, why in found["peers"]["absent"].items():
            print(f"\nnot here: {name}: {why}")
        print()
    if "goals" in found:
        row("figure", "goal", "measured", "")
        row(*["---"] * 4)
        for figure, goal in found["goals"].items():
            row(figure, goal["goal"], goal["measured"], "" if goal["reached"] else "missed")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tests/bench/result.py BUILD")
    main(sys.argv[1])
