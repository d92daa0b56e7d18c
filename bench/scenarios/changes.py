"""Changes to a source tree that are taken back afterwards, so that every run sees the same bytes."""
import importlib.machinery
import importlib.util
import os
import random

import measuring

MARK = ".changed"
LARGEST = 64 << 20


def make_tree():
    """The generator, as a module: a changed database page is made as the others were."""
    path = os.path.join(measuring.HERE, "make-tree")
    loader = importlib.machinery.SourceFileLoader("make_tree", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_tree", loader))
    loader.exec_module(module)
    return module


def data_set(work, kind, scale, log):
    """The directory of a data set, made once; made again when a run was killed while it was changed."""
    source = os.path.join(work, "data", kind if scale == 1 else f"{kind}-{scale:g}")
    if os.path.exists(source + MARK):
        measuring.say(f"the {kind} data were left changed by a run that was killed: making them again")
        measuring.remove(source)
        os.unlink(source + MARK)
    if not os.path.isdir(source):
        measuring.say(f"making the {kind} data" + ("" if scale == 1 else f" at {scale:g} of their size"))
        measuring.remove(source + ".new")
        measuring.timed([os.path.join(measuring.HERE, "make-tree"), source + ".new", "--data", kind, "--scale", str(scale)],
                        dict(os.environ), log)
        os.rename(source + ".new", source)
    return source


class Changes:
    """With it: what was changed is as it was at the end, by content and by times of modification."""

    def __init__(self, source, kind):
        self.source, self.kind, self.kept, self.added = source, kind, [], []
        self.top = os.stat(source).st_mtime_ns

    def __enter__(self):
        open(self.source + MARK, "w").close()
        return self

    def __exit__(self, *_):
        for path in self.added:
            os.unlink(path)
        for path, pieces, size, when in reversed(self.kept):
            with open(path, "r+b") as f:
                for at, content in pieces:
                    f.seek(at)
                    f.write(content)
                f.truncate(size)
            os.utime(path, ns=(when, when))
        os.utime(self.source, ns=(self.top, self.top))
        os.unlink(self.source + MARK)

    def add_file(self):
        path = os.path.join(self.source, "compare-changed-file")
        with open(path, "wb") as f:
            f.write(os.urandom(3_000_000))
        self.added.append(path)

    def write(self, path, pieces, size=None):
        """Writes (offset, content) pieces and cuts to a size. The clock gives the new time: programs look at it."""
        status = os.lstat(path)
        with open(path, "r+b") as f:
            old = []
            for at, content in pieces:
                f.seek(at)
                old.append((at, f.read(len(content))))
                f.seek(at)
                f.write(content)
            if size is not None:
                if size < status.st_size:
                    f.seek(size)
                    old.append((size, f.read()))
                f.truncate(size)
        self.kept.append((path, old, status.st_size, status.st_mtime_ns))

    def one_percent(self, seed):
        """Returns what was done, in words."""
        rng = random.Random(seed)
        if self.kind == "database":
            generator = make_tree()
            generator.WORDS = generator.words(random.Random(1))
            pages = generator.Pages(rng)
            path = os.path.join(self.source, "database.dat")
            total = os.path.getsize(path) // pages.SIZE
            chosen = sorted(rng.sample(range(total), max(1, total // 100)))
            self.write(path, [(n * pages.SIZE, pages.page(n, 1)) for n in chosen])
            return f"{len(chosen)} of {total} pages"
        files = sorted(os.path.join(root, name) for root, _, names in os.walk(self.source) for name in names
                       if not os.path.islink(os.path.join(root, name)) and name != "compare-changed-file")
        if self.kind == "binaries":
            # A file of twelve would be eight percent: instead one percent of the bytes of each, as a linker or a patch does.
            total = 0
            for path in files:
                size = os.path.getsize(path)
                step = min(1 << 20, max(1, size // 100))
                places = sorted({rng.randrange(max(1, size // step)) * step for _ in range(max(1, size // 100 // step))})
                self.write(path, [(at, rng.randbytes(step)) for at in places])
                total += step * len(places)
            return f"{total / 1e6:.1f} MB in {len(files)} files"
        chosen = rng.sample(files, max(1, len(files) // 100))
        for path in chosen:
            size = os.path.getsize(path)
            if size > LARGEST:
                self.write(path, [(size // 2, rng.randbytes(1 << 20))])
            else:
                # Rewritten as an editor does it: a new beginning, a piece in the middle, another length.
                head = b"changed %d %d\n" % (seed, rng.randrange(10**6))
                pieces = [(0, head), (size // 2, rng.randbytes(24))] if size > 200 else [(0, head)]
                self.write(path, pieces, size + rng.randint(0, 100) if size > 200 else None)
        return f"{len(chosen)} of {len(files)} files"
