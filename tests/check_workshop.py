#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_workshop: the files of examples/treecounter fit together.

    check_workshop.py DIRECTORY

Prints each expression of the dashboard, with 30s for $__rate_interval. Status 1
and a line for each fault if a file is named that is not there, a port or a
name is said in one place and not in the other, or a panel has no data source.
"""
import json
import pathlib
import sys

import yaml


def faults(here):
    compose = yaml.safe_load((here / "docker-compose.yml").read_text())["services"]
    root = here / "../.."
    build = compose["treecounter"]["build"]
    if not (here / build["context"] / build["dockerfile"]).is_file():
        yield "no Dockerfile"
    for service in compose.values():
        for volume in service.get("volumes", []):
            if not (here / volume.split(":")[0]).exists():
                yield f"no {volume}"
        for other in service.get("depends_on", []):
            if other not in compose:
                yield f"no service {other}"
        for port in service["ports"]:
            if not port.startswith("127.0.0.1:"):
                yield f"{port} is open to the network"

    scrape = yaml.safe_load((here / "prometheus.yml").read_text())["scrape_configs"]
    if scrape[0]["static_configs"][0]["targets"] != ["treecounter:8001"]:
        yield "Prometheus scrapes something else"
    grafana = here / "grafana"
    source = yaml.safe_load((grafana / "provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    if source["url"] != "http://prometheus:9090":
        yield "Grafana asks something else"
    provider = yaml.safe_load((grafana / "provisioning/dashboards/treecounter.yml").read_text())["providers"][0]
    path = provider["options"]["path"]
    if not any(volume.split(":")[1] == path for volume in compose["grafana"]["volumes"]):
        yield f"no volume for {path}"
    home = compose["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    if not home.startswith(path) or not (grafana / "dashboards" / home.removeprefix(path + "/")).is_file():
        yield f"no dashboard {home}"
    for panel in dashboard(here)["panels"]:
        for asked in [panel, *panel["targets"]]:
            if asked["datasource"] != {"type": "prometheus", "uid": source["uid"]}:
                yield f"{panel['title']}: another data source"
    readme = (here / "README.md").read_text()
    for said in compose["grafana"]["environment"]["GF_SECURITY_ADMIN_USER"], compose["grafana"]["environment"][
        "GF_SECURITY_ADMIN_PASSWORD"
    ]:
        if f"`{said}`" not in readme:
            yield f"the README does not say {said}"
    if not (root / "bootstrap").is_file():
        yield "no bootstrap"


def dashboard(here):
    return json.loads((here / "grafana/dashboards/treecounter.json").read_text())


def main(directory):
    here = pathlib.Path(directory)
    found = list(faults(here))
    for fault in found:
        print(fault, file=sys.stderr)
    for panel in dashboard(here)["panels"]:
        for target in panel["targets"]:
            print(target["expr"].replace("$__rate_interval", "30s"))
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
