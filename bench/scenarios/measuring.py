"""What the scenarios share: running a program and reading off what it took, the tools, S3, memory limits, tables."""
import ctypes
import datetime
import fcntl
import hashlib
import hmac
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.basename(sys.argv[0])


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def fail(why):
    say(f"{PROGRAM}: {why}")
    sys.exit(1)


def claim(work):
    """Makes the work directory, and has it alone: two runs in one would remove each other's repositories."""
    os.makedirs(work, exist_ok=True)
    lock = os.open(os.path.join(work, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fail(f"another run uses {work} (wait for it, or give --work)")


class Measure:
    """What a process took, as the kernel accounted it: seconds by the clock and of the processor, and its peak resident memory."""

    def __init__(self, wall, user, system, peak, code=0):
        self.wall, self.user, self.system, self.peak, self.code = wall, user, system, peak, code

    @property
    def cpu(self):
        return self.user + self.system

    def __str__(self):
        return f"{self.wall:8.2f} s wall {self.cpu:8.2f} s cpu {self.peak:6.0f} MiB"


# A process inherits the peak of the one that it was forked from, and this one may be large: a small one in between starts
# the program, waits for it and writes what it took.
STARTER = """
import json, os, sys, time
out, group, argv = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
os.set_inheritable(out, False)
start = time.monotonic()
pid = os.fork()
if pid == 0:
    try:
        if group:
            with open(group, "w") as f:
                f.write(str(os.getpid()))
        os.execvp(argv[0], argv)
    except OSError as e:
        print(e, file=sys.stderr)
        os._exit(127)
os.write(out, b"%d\\n" % pid)
_, status, usage = os.wait4(pid, 0)
took = [time.monotonic() - start, usage.ru_utime, usage.ru_stime, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]
os.write(out, json.dumps(took).encode())
"""


def timed(argv, env, log, group=None, may_fail=False, started=None):
    """Runs argv and waits for it. In a memory group it is limited from its first instruction on; started is told its process id."""
    with open(log, "ab") as out:
        out.write(("\n$ " + " ".join(argv) + "\n").encode())
        out.flush()
        read, write = os.pipe()
        starter = subprocess.Popen([sys.executable, "-I", "-S", "-c", STARTER, str(write), group.processes if group else "", *argv],
                                   env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL, pass_fds=(write,))
        os.close(write)
        with open(read) as said:
            pid = said.readline()
            if started and pid:
                started(int(pid))
            took = said.read()
        starter.wait()
    if not took:
        fail(f"{argv[0]} could not be started; see {log}")
    measure = Measure(*json.loads(took))
    if measure.code != 0 and not may_fail:
        fail(f"{' '.join(argv[:5])} ... exited with {measure.code}; its output is in {log}")
    return measure


class MemoryGroup:
    """A control group with a memory limit, of version 1 or 2; None from make() where none can be made."""

    def __init__(self, path, limit_file, peak_file):
        self.path, self.limit_file, self.peak_file = path, limit_file, peak_file

    @staticmethod
    def make(limit):
        for base, limit_file, peak_file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
                                            ("/sys/fs/cgroup", "memory.max", "memory.peak")):
            path = os.path.join(base, f"nodeagent-bench-{os.getpid()}")
            try:
                os.mkdir(path)
            except OSError:
                continue
            try:
                with open(os.path.join(path, limit_file), "w") as f:
                    f.write(str(limit))
                return MemoryGroup(path, limit_file, peak_file)
            except OSError:
                os.rmdir(path)
        return None

    @property
    def processes(self):
        """Where a process writes its id to be in it."""
        return os.path.join(self.path, "cgroup.procs")

    def peak(self):
        """The most that it held at once in MiB, page cache included; None where the kernel does not say."""
        try:
            with open(os.path.join(self.path, self.peak_file)) as f:
                return int(f.read()) / (1 << 20)
        except OSError:
            return None

    def anonymous(self):
        """What it holds now in MiB that is of no file, and cannot be given back."""
        with open(os.path.join(self.path, "memory.stat")) as f:
            stat = dict(line.split() for line in f)
        return int(stat.get("total_rss", stat.get("anon", "0"))) / (1 << 20)

    def remove(self):
        for _ in range(50):
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.1)


def settle(drop=False):
    """What the last step wrote is written before the next begins; on request the page cache, inodes and names are dropped too."""
    os.sync()
    if drop:
        try:
            with open("/proc/sys/vm/drop_caches", "w") as f:
                f.write("3\n")
        except OSError as e:
            fail(f"caches cannot be dropped: {e.strerror} (needs root and a writable /proc/sys)")


def flush(path):
    """Writes what the kernel has yet to write to the file system of a directory, and makes its disk keep it. Returns the seconds that took."""
    libc = ctypes.CDLL(None, use_errno=True)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        start = time.monotonic()
        if libc.syncfs(directory) != 0:
            fail(f"{path} cannot be flushed: {os.strerror(ctypes.get_errno())}")
        return time.monotonic() - start
    finally:
        os.close(directory)


def size_of(path):
    total = 0
    for root, _, files in os.walk(path):
        total += sum(os.lstat(os.path.join(root, f)).st_size for f in files)
    return total


def count_files(path):
    """Files and directories below path, the path itself not counted."""
    files = dirs = 0
    places = [path]
    while places:
        with os.scandir(places.pop()) as entries:
            for e in entries:
                if e.is_dir(follow_symlinks=False):
                    dirs += 1
                    places.append(e.path)
                else:
                    files += 1
    return files, dirs


def remove(path):
    """Removes a tree, large ones too, and is silent when there is none."""
    if os.path.lexists(path):
        subprocess.run(["rm", "-rf", "--", path], check=True)


class Trash:
    """
    Where trees go that are not needed any more. ext4 does not give the inode of a file that was deleted in the last five minutes to a
    new one, and looks for another: a restore of many files after the removal of as many took up to three times as long. So trees are moved
    aside, and removed when all is measured, or when the disk has too little space left.
    """

    def __init__(self, work):
        self.path = os.path.join(work, f"trash-{os.getpid()}")
        self.count = 0

    def take(self, path, keep_free):
        """Removes a tree from its place. Empties the trash when less than so many bytes are free."""
        if not os.path.lexists(path):
            return
        os.makedirs(self.path, exist_ok=True)
        os.rename(path, os.path.join(self.path, str(self.count)))
        self.count += 1
        at = os.statvfs(self.path)
        if at.f_bavail * at.f_frsize < keep_free:
            say("the disk fills: removing what was restored so far, which slows the next restores down for some minutes")
            self.empty()

    def empty(self):
        remove(self.path)


class NewFileSystem:
    """
    A file system of its own for each restore, as a new volume has: ext4 with as many inodes as are needed, in a file below the work directory. One that has seen
    millions of files come and go takes longer for new ones, which is no property of the tool that makes them. Needs root.
    """

    def __init__(self, work):
        self.image, self.path = os.path.join(work, "volume.img"), os.path.join(work, "volume")
        os.makedirs(self.path, exist_ok=True)
        # What a run that was killed has left.
        self.close()

    def renew(self, size, inodes):
        """An empty one of so many bytes, which are taken as they are written, in place of the one before."""
        self.close()
        free = os.statvfs(self.path)
        if free.f_bavail * free.f_frsize < size:
            fail(f"{self.path} has {free.f_bavail * free.f_frsize / 1e9:.1f} GB free and {size / 1e9:.1f} GB are needed for a file system to restore to (give --work on another)")
        with open(self.image, "wb") as f:
            f.truncate(size)
        self.run("mkfs.ext4", "-q", "-F", "-N", str(inodes), "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        # Past the page cache of the file system below, where what is written would lie a second time.
        device = self.run("losetup", "--find", "--show", "--direct-io=on", self.image)
        self.run("mount", device, self.path)
        return self.path

    def close(self):
        if os.path.ismount(self.path):
            self.run("umount", self.path)
        if os.path.lexists(self.image):
            for device in self.run("losetup", "--noheadings", "--output", "NAME", "--associated", self.image).split():
                self.run("losetup", "--detach", device)
            os.remove(self.image)

    @staticmethod
    def run(*argv):
        try:
            done = subprocess.run(argv, capture_output=True, text=True, env=os.environ | {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})
        except FileNotFoundError:
            fail(f"a new file system cannot be made: {argv[0]} is not installed")
        if done.returncode:
            fail(f"a new file system cannot be made: {' '.join(argv)}: {done.stderr.strip()} (needs root and loop devices)")
        return done.stdout.strip()


def machine():
    """One line about what this runs on."""
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown processor")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / (1 << 20)
    kernel = os.uname().release
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB of memory, Linux {kernel}"


def load():
    return os.getloadavg()[0]


class Table:
    """Rows of text, printed in columns or as markdown."""

    def __init__(self, *head, left=1):
        self.head, self.rows, self.left = head, [], left

    def add(self, *cells):
        self.rows.append([str(c) for c in cells])

    def text(self):
        widths = [max(len(r[i]) for r in [list(self.head)] + self.rows) for i in range(len(self.head))]
        def line(row):
            return "  ".join(c.ljust(w) if i < self.left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip()
        return "\n".join([line(self.head)] + [line(r) for r in self.rows])

    def markdown(self):
        def line(row):
            return "| " + " | ".join(row) + " |"
        return "\n".join([line(self.head), line(["---"] * self.left + ["---:"] * (len(self.head) - self.left))] + [line(r) for r in self.rows])


class S3:
    """As much of S3 as is needed to make a bucket, to tell how much lies below a prefix, and to empty it."""

    def __init__(self):
        def get(name, *more):
            found = next((os.environ[n] for n in (f"NODEAGENT_TEST_{name}", name, *more) if os.environ.get(n)), None)
            return found or fail(f'{name} is not set: eval "$(tests/services/ceph-gateway up --name NAME --store disk --tests)" first')
        # With TLS as in earnest; and Ceph refuses restic's way of signing bodies without it.
        self.endpoint = (os.environ.get("NODEAGENT_TEST_S3_ENDPOINT_TLS") or get("S3_ENDPOINT", "AWS_ENDPOINT_URL_S3")).rstrip("/")
        self.authority = os.environ.get("NODEAGENT_TEST_S3_CA_FILE") or os.environ.get("AWS_CA_BUNDLE")
        self.key, self.secret = get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY")
        self.region = os.environ.get("NODEAGENT_TEST_AWS_REGION") or os.environ.get("AWS_REGION") or "us-east-1"
        self.bucket = f"bench-{os.getpid()}-{int(time.time())}"
        self.request("PUT", "")

    def env(self):
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region, "AWS_ENDPOINT_URL_S3": self.endpoint,
                **({"AWS_CA_BUNDLE": self.authority, "RESTIC_CACERT": self.authority} if self.authority else {})}

    def request(self, method, key, query=None):
        host = urllib.parse.urlsplit(self.endpoint).netloc
        path = urllib.parse.quote(f"/{self.bucket}/{key}" if key else f"/{self.bucket}")
        asked = "&".join(f"{urllib.parse.quote(k, safe='')}={urllib.parse.quote(v, safe='')}" for k, v in sorted((query or {}).items()))
        when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        empty = hashlib.sha256(b"").hexdigest()
        names = "host;x-amz-content-sha256;x-amz-date"
        canonical = f"{method}\n{path}\n{asked}\nhost:{host}\nx-amz-content-sha256:{empty}\nx-amz-date:{when}\n\n{names}\n{empty}"
        scope = f"{when[:8]}/{self.region}/s3/aws4_request"
        key_ = ("AWS4" + self.secret).encode()
        for part in scope.split("/"):
            key_ = hmac.new(key_, part.encode(), "sha256").digest()
        to_sign = f"AWS4-HMAC-SHA256\n{when}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(key_, to_sign.encode(), "sha256").hexdigest()
        request = urllib.request.Request(f"{self.endpoint}{path}{'?' + asked if asked else ''}", method=method, headers={
            "x-amz-date": when, "x-amz-content-sha256": empty,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, Signature={signature}"})
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.authority)))
        try:
            with opener.open(request, timeout=60) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as e:
            fail(f"{method} {self.endpoint}{path}: {e.code} {e.read()[:200].decode(errors='replace')}")
        except OSError as e:
            fail(f"{method} {self.endpoint}{path}: {e}; is the gateway running?")

    def objects(self, prefix):
        import xml.etree.ElementTree as xml
        token = None
        while True:
            query = {"list-type": "2", "prefix": prefix}
            if token:
                query["continuation-token"] = token
            page = xml.fromstring(self.request("GET", "", query))
            def find(node, name):
                return next((c.text for c in node if c.tag.rpartition("}")[2] == name), None)
            for item in page:
                if item.tag.rpartition("}")[2] == "Contents":
                    yield find(item, "Key"), int(find(item, "Size"))
            token = find(page, "NextContinuationToken")
            if not token:
                return

    def size(self, prefix):
        return sum(size for _, size in self.objects(prefix))

    def empty(self, prefix=""):
        for key, _ in list(self.objects(prefix)):
            self.request("DELETE", key)

    def remove(self):
        self.empty()
        self.request("DELETE", "")


class Tool:
    """A backup program with its own caches below the work directory: nothing of an earlier run helps it."""

    def __init__(self, work, s3=None):
        self.work, self.s3 = work, s3
        self.cache = os.path.join(work, f"cache-{self.name}")
        self.env = dict(os.environ, XDG_CACHE_HOME=self.cache, **(s3.env() if s3 else {}))

    def place(self):
        return f"{self.name}-repository"

    def forget_all(self):
        """No repository and no cache of an earlier run is left."""
        remove(self.cache)
        os.makedirs(self.cache)
        if self.s3:
            self.s3.empty(self.place() + "/")
        else:
            remove(self.repository())

    def repository(self):
        return os.path.join(self.work, self.place())

    def size(self):
        return self.s3.size(self.place() + "/") if self.s3 else size_of(self.repository())

    def restored(self, target, source):
        return target


class NodeAgent(Tool):
    name = "nodeagent"

    def __init__(self, work, s3=None, dll=None):
        super().__init__(work, s3)
        if not dll:
            say("publishing NodeAgent (Release, native code: some minutes)")
            machine_is = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
            program = os.path.join(work, "nodeagent-program")
            subprocess.run(["dotnet", "publish", "-c", "Release", "-r", f"linux-{machine_is}", "-v", "q", "-nologo", "-o", program, "-p:CopyOutputSymbolsToPublishDirectory=true",
                            os.path.join(TOP, "src/NodeAgent.Cli")], check=True, stdout=sys.stderr)
            dll = os.path.join(program, "nodeagent")
        self.base = ["dotnet", dll] if dll.endswith(".dll") else [dll]
        self.key = os.path.join(work, "nodeagent.key")
        with open(os.open(self.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(os.urandom(32).hex())

    def version(self):
        said = subprocess.run(self.base + ["--version"], capture_output=True, text=True).stdout.strip()
        return said if said.startswith("nodeagent") else f"nodeagent {said}"

    def repository(self):
        return f"s3://{self.s3.bucket}/{self.place()}" if self.s3 else super().repository()

    def args(self, *rest):
        return self.base + list(rest) + ["--repo", self.repository(), "--key-file", self.key]

    def init(self):
        return self.args("repo", "init")

    def backup(self, source):
        return self.args("snapshot", "create", source, "--quiet")

    def check(self):
        return self.args("repo", "check", "--read-data", "--quiet")

    def restore(self, target, source):
        return self.args("snapshot", "restore", "latest", "--target", target, "--quiet")

    def list(self):
        return self.args("snapshot", "list")


class Restic(Tool):
    """restic with the settings that a user has who sets none: automatic compression, packs of 16 MiB, its own cache."""

    name = "restic"

    def __init__(self, work, s3=None):
        super().__init__(work, s3)
        self.path = shutil.which("restic") or newest_restic(work)
        self.env |= {"RESTIC_PASSWORD": "compare", "RESTIC_CACHE_DIR": self.cache}

    def version(self):
        return subprocess.run([self.path, "version"], capture_output=True, text=True).stdout.split(" compiled")[0]

    def repository(self):
        return f"s3:{self.s3.endpoint}/{self.s3.bucket}/{self.place()}" if self.s3 else super().repository()

    def args(self, *rest):
        return [self.path, "-r", self.repository(), *rest, "-q"]

    def init(self):
        return self.args("init")

    def backup(self, source):
        return self.args("backup", source)

    def check(self):
        return self.args("check", "--read-data")

    def restore(self, target, source):
        return self.args("restore", "latest", "--target", target)

    def restored(self, target, source):
        return target + source


class Borg(Tool):
    """borg with zstd at level 3 and BLAKE2: near what the other two do, where its own lz4 makes larger repositories."""

    name = "borg"

    def __init__(self, work, s3=None):
        if s3:
            fail("borg has no S3: --tools nodeagent,restic")
        super().__init__(work)
        self.path = shutil.which("borg") or fail("borg is not installed: apt-get install borgbackup, or --tools nodeagent,restic")
        self.env |= {"BORG_PASSPHRASE": "compare", "BORG_BASE_DIR": self.cache, "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}
        self.count = 0

    def forget_all(self):
        super().forget_all()
        self.count = 0

    def version(self):
        return subprocess.run([self.path, "--version"], capture_output=True, text=True, env=self.env).stdout.strip()

    def init(self):
        return [self.path, "init", "-e", "repokey-blake2", self.repository()]

    def backup(self, source):
        self.count += 1
        return [self.path, "create", "-C", "zstd,3", f"{self.repository()}::a{self.count}", source]

    def check(self):
        return [self.path, "check", "--verify-data", self.repository()]

    def restore(self, target, source):
        # borg extracts into the current directory
        return ["sh", "-c", 'cd "$1" && exec "$2" extract --numeric-ids "$3"', "sh", target, self.path, f"{self.repository()}::a{self.count}"]

    def restored(self, target, source):
        return os.path.join(target, source.lstrip("/"))


def newest_restic(work):
    """The newest restic that the Debian mirror of this machine serves, unpacked beside the work files."""
    found = os.path.join(work, "tools/usr/bin/restic")
    if os.path.exists(found):
        return found
    say("fetching restic from Debian's unstable suite")
    out = subprocess.run(["apt-get", "update", "--print-uris"], capture_output=True, text=True).stdout
    code = re.search(r"VERSION_CODENAME=(\w+)", open("/etc/os-release").read()).group(1)
    mirrors = re.findall(rf"'(\S+?)/dists/{code}-updates/InRelease'", out) or re.findall(rf"'(\S+?)/dists/{code}/InRelease'", out)
    if not mirrors:
        fail("no Debian archive is configured: put a restic on PATH, or --tools nodeagent,borg")
    apt = os.path.join(work, "apt")
    for d in ("lists/partial", "cache/archives/partial", "state", "empty"):
        os.makedirs(os.path.join(apt, d), exist_ok=True)
    open(os.path.join(apt, "state/status"), "w").close()
    with open(os.path.join(apt, "sources.list"), "w") as f:
        f.write(f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirrors[0]} sid main\n")
    with open(os.path.join(apt, "apt.conf"), "w") as f:
        f.write(f'Dir::Etc::sourcelist "{apt}/sources.list"; Dir::Etc::sourceparts "{apt}/empty"; Dir::Etc::preferences "/dev/null";\n'
                f'Dir::Etc::preferencesparts "{apt}/empty"; Dir::State "{apt}/state"; Dir::State::Lists "{apt}/lists";\n'
                f'Dir::State::status "{apt}/state/status"; Dir::Cache "{apt}/cache"; APT::Sandbox::User "root"; Acquire::Check-Valid-Until "false";\n')
    env = dict(os.environ, APT_CONFIG=os.path.join(apt, "apt.conf"))
    subprocess.run(["apt-get", "update", "-qq"], env=env, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["apt-get", "download", "-qq", "restic"], env=env, check=True, cwd=apt, stdout=subprocess.DEVNULL)
    deb = next(f for f in sorted(os.listdir(apt)) if f.startswith("restic_") and f.endswith(".deb"))
    subprocess.run(["dpkg-deb", "-x", os.path.join(apt, deb), os.path.join(work, "tools")], check=True)
    return found
