"""Who is measured, and how each is set up.

A function here prepares one of them on a stage and returns what `measure` is to do: its
arguments behind the count, what its environment needs besides, and a command in front of it.
It raises Skipped, with the reason, where the machine does not have what it takes.
"""
import functools
import getpass
import json
import os
import shutil
import sys
from typing import Callable, NamedTuple

from obtain import Skipped, debian, npm, run

CGROUP_HYBRID = "/sys/fs/cgroup/unified"


class Task(NamedTuple):
    arguments: list
    environment: dict = {}
    front: list = []


class Contestant(NamedTuple):
    name: str
    what: str
    samples: int  # a round, paced, and as many unpaced
    prepare: Callable


def hello(stage):
    return stage.build + "/bench/peers/hello"


def ours(policy, stage):
    function = stage.build + "/mett-eagle-client/functions/empty"
    return Task(["invoke", stage.mett_eagle(), function, policy])


def posix_spawn(stage):
    return Task(["start", hello(stage)])


def bubblewrap(stage):
    program, environment = debian(stage.downloads, "bubblewrap", "bwrap")
    return Task(["start", program, "--unshare-all", "--ro-bind", hello(stage), "/hello", "/hello"],
                environment)


def crun(stage):
    """Without a control group of its own, as that is no part of what we compare."""
    program, environment = debian(stage.downloads, "crun", "crun")
    bundle = stage.path("bundle")
    os.makedirs(bundle + "/rootfs")
    shutil.copy(hello(stage), bundle + "/rootfs/hello")
    rootless = ["--rootless"] if os.geteuid() else []
    run(["env", *(f"{key}={value}" for key, value in environment.items()), program, "spec",
         *rootless], cwd=bundle)
    with open(bundle + "/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["process"].update(terminal=False, args=["/hello"])
    config["mounts"] = [row for row in config["mounts"] if row["type"] != "cgroup"]
    with open(bundle + "/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    # crun refuses to start where both versions of control groups are mounted; hide one from it.
    front = ["unshare", "--mount", "sh", "-c", f'umount {CGROUP_HYBRID} && exec "$@"', "sh"]
    return Task(["start", program, "--root", stage.path("containers"), "--cgroup-manager=disabled",
                 "run", "--bundle", bundle, "hello"], environment,
                front if os.path.isdir(CGROUP_HYBRID) else [])


NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
worker_processes 1;
{user}
events {{ }}
http {{
	access_log off;
	keepalive_requests 1000000;
	keepalive_timeout 600s;
	client_body_temp_path {folder}/body;
	proxy_temp_path {folder}/proxy;
	fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi;
	scgi_temp_path {folder}/scgi;
	server {{
		listen unix:{folder}/nginx;
		location / {{
			fastcgi_pass unix:{folder}/fcgiwrap;
			fastcgi_param REQUEST_METHOD GET;
			fastcgi_param SCRIPT_FILENAME {program};
		}}
	}}
}}
"""


def nginx_fcgiwrap(stage):
    nginx, nginx_environment = debian(stage.downloads, "nginx", "nginx")
    fcgiwrap, environment = debian(stage.downloads, "fcgiwrap", "fcgiwrap")
    stage.serve("fcgiwrap", [fcgiwrap, "-s", "unix:" + stage.path("fcgiwrap")], environment)
    user = "" if os.geteuid() else f"user {getpass.getuser()};"
    config = stage.write("nginx.conf", NGINX.format(folder=stage.folder, program=hello(stage),
                                                    user=user))
    return Task(["get", stage.serve("nginx", [nginx, "-e", "stderr", "-p", stage.folder, "-c", config],
                                    nginx_environment)])


def node_fresh(stage):
    program, environment = debian(stage.downloads, "nodejs", "node")
    return Task(["start", program, "-e", ""], environment)


def node_http(stage):
    program, environment = debian(stage.downloads, "nodejs", "node")
    script = ("require('http').createServer((request, response) => response.end('hello\\n'))"
              ".listen(process.argv[1])")
    return Task(["get", stage.serve("node", [program, "-e", script, stage.path("node")],
                                    environment)])


WORKERD = """
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
	services = [(name = "main", worker = (
		modules = [(name = "hello.js", esModule =
			"export default {{ fetch() {{ return new Response('hello\\\\n'); }} }};")],
		compatibilityDate = "2024-01-01"))],
	sockets = [(name = "http", address = "unix:{socket}", http = (), service = "main")]);
"""


def workerd(stage):
    program = npm(stage.downloads, "workerd", "@cloudflare/workerd-*/bin/workerd")
    config = stage.write("config.capnp", WORKERD.format(socket=stage.path("workerd")))
    return Task(["get", stage.serve("workerd", [program, "serve", config])])


def python3(options, stage):
    """The interpreter itself: a wrapper on the PATH that chooses one would be measured too."""
    if not sys.executable:
        raise Skipped("the interpreter does not know its own path")
    return Task(["start", os.path.realpath(sys.executable), *options, "-c", "pass"])


ALL = [
    Contestant("fork", "ours, policy fork: a new sealed process", 400,
               functools.partial(ours, "fork")),
    Contestant("reuse", "ours, policy reuse: a sealed process again", 400,
               functools.partial(ours, "reuse")),
    Contestant("spawn", "ours, policy spawn: new sandbox and exec", 150,
               functools.partial(ours, "spawn")),
    Contestant("posix_spawn", "posix_spawn and wait, no isolation", 200, posix_spawn),
    Contestant("bubblewrap", "bwrap --unshare-all", 50, bubblewrap),
    Contestant("crun", "crun run, an OCI bundle", 30, crun),
    Contestant("nginx-fcgiwrap", "HTTP, a process a request, no isolation", 150, nginx_fcgiwrap),
    Contestant("node", "node -e '', a new process", 8, node_fresh),
    Contestant("node-http", "HTTP, warm, one process for all", 400, node_http),
    Contestant("workerd", "HTTP, warm, one isolate for all", 400, workerd),
    Contestant("python3", "python3 -c pass", 25, functools.partial(python3, [])),
    Contestant("python3-S", "python3 -S -c pass", 30, functools.partial(python3, ["-S"])),
]
