#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_jobs: does a Prometheus server answer the same of each job?

    compare_jobs.py BASE JOB... -- EXPRESSION...

In an expression JOB stands for the job. Labels job and instance are left aside, and bounds compare as
numbers: Prometheus 2 spells them as the format did. Prints the answer that all have; status 1 if
one has another, or if none has any.
"""
import json
import sys
import urllib.parse
import urllib.request


def query(base, expression):
    url = base + "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def plain(labels):
    return frozenset((name, float(value) if name in ("le", "quantile") else value)
                     for name, value in labels.items() if name not in ("job", "instance"))


def answer_of(base, expression, job):
    result = {plain(one["metric"]): one["value"][1]
              for one in query(base, expression.replace("JOB", job))}
    return result


def main(base, *words):
    split = words.index("--")
    jobs, wrong = words[:split], 0
    for expression in words[split + 1:]:
        answers = [answer_of(base, expression, job) for job in jobs]
        same = bool(answers[0]) and all(answer == answers[0] for answer in answers)
        print("%-5s %s: %d series" % ("ok" if same else "WRONG", expression, len(answers[0])))
        if not same:
            for job, answer in zip(jobs, answers):
                print("      %s: %s" % (job, answer))
        wrong += not same
    return 1 if wrong else 0


if __name__ == "__main__":
    if "--" not in sys.argv[2:]:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
