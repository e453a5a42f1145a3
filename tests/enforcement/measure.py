"""Follows both copies for some seconds after a load step, as their clients see them.

`measure.py NAMESPACE SECONDS`: a request is bad when it failed, was dropped, or took longer than 500 ms. One line of
figures for each copy: the last second at which more than 1 % of the requests of the last ten seconds were bad, when the floor was up, when more pods
were ready, bad requests.
"""

import json
import re
import subprocess
import sys
import time

namespace, seconds = sys.argv[1], int(sys.argv[2])
COPIES = ("observe", "enforce")
ALLOWED = 0.01
WINDOW = 10


def kubectl(*arguments):
    return subprocess.run(("kubectl", "-n", namespace, *arguments), capture_output=True, text=True, timeout=20).stdout


pods = {copy: kubectl("get", "pods", "-l", f"load={copy}", "-o", "jsonpath={.items[0].metadata.name}") for copy in COPIES}


def counts(copy):
    """Requests that failed or were dropped, requests that took longer than 500 ms, and all."""
    path = f"/api/v1/namespaces/{namespace}/pods/{pods[copy]}:8081/proxy/metrics"
    text = kubectl("get", "--raw", path)
    one = lambda pattern: sum(map(float, re.findall(pattern, text, re.M)))
    total = one(r"^load_request_duration_seconds_count (\S+)")
    slow = total - one(r'^load_request_duration_seconds_bucket\{le="0.5"\} (\S+)')
    dropped = one(r"^load_dropped_total (\S+)")
    requests = one(r"^load_requests_total\{[^}]*\} (\S+)")
    failed = requests - one(r'^load_requests_total\{[^}]*code="200"\} (\S+)') + dropped
    return failed, slow, total + dropped


def bad_of(before, after):
    """At least so many were bad, of all: one that failed may have been slow as well."""
    failed, slow, total = (late - early for late, early in zip(after, before))
    return max(failed, slow), total


start = time.time()
history = {copy: [(0.0, *counts(copy))] for copy in COPIES}
seen = {copy: {"last_burn_s": 0, "floor_s": None, "more_pods_s": None} for copy in COPIES}
while time.time() - start < seconds:
    autoscalers = {one["metadata"]["name"]: one for one in json.loads(kubectl("get", "hpa", "-o", "json"))["items"]}
    workloads = {one["metadata"]["name"]: one for one in json.loads(kubectl("get", "deploy", "-o", "json"))["items"]}
    for copy in COPIES:
        now = time.time() - start
        all_, facts = history[copy], seen[copy]
        all_.append((now, *counts(copy)))
        before = next(one for one in all_ if one[0] >= now - WINDOW)
        bad, total = bad_of(before[1:], all_[-1][1:])
        if total > 0 and bad / total > ALLOWED:
            facts["last_burn_s"] = round(now)
        if facts["floor_s"] is None and autoscalers[copy]["spec"]["minReplicas"] > 3:
            facts["floor_s"] = round(now)
        if facts["more_pods_s"] is None and workloads[copy]["status"].get("readyReplicas", 0) > 3:
            facts["more_pods_s"] = round(now)
    time.sleep(1)
for copy in COPIES:
    first, last = history[copy][0], history[copy][-1]
    bad, total = bad_of(first[1:], last[1:])
    replicas = workloads[copy]["spec"]["replicas"]
    print(json.dumps({"copy": copy, **seen[copy], "replicas": replicas, "bad": round(bad), "of": round(total), "bad_share": round(bad / max(total, 1), 4)}), flush=True)
