using System.Text.Json.Nodes;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>A tree with all that files can be, and lists of trees that show every difference.</summary>
internal static class Tree
{
    /// <summary>What the file <c>greeting</c> says.</summary>
    public const string Greeting = "three apples";

    /// <summary>How many bytes of the tree are no repetition and no hole, at least.</summary>
    public const int Bytes = 2_000_000;

    /// <summary>A function <c>tree DIRECTORY</c> for the shells of containers and machines.</summary>
    public const string Script = """
        tree() { (
          set -e
          cd "$1"
          mkdir -p docs/deep/er empty private
          echo three apples > greeting
          : > docs/nothing
          dd if=/dev/urandom of=docs/content bs=1000 count=2000 2>/dev/null
          ln docs/content docs/deep/er/the-same
          ln -s ../greeting docs/link
          ln -s /nowhere/at/all dangling
          dd if=/dev/zero of=holes bs=1 count=1 seek=4194303 2>/dev/null
          for n in 1 2 3 4 5 6 7 8 9; do echo "small file $n" > docs/deep/$n.txt; done
          echo 1 > "$(printf 'two\nlines')"
          echo 2 > ./-rf
          echo 3 > 'with "quotes", blanks and $signs'
          echo 4 > "$(printf '\377\376 no text')"
          echo 5 > "$(printf '%0255d' 0)"
          echo 6 > .hidden
          mkfifo pipe
          echo key > private/key
          chown -R 1001:1002 private
          chown -h 1003:1004 docs/link
          chmod 0400 private/key
          chmod 0711 private
          echo x > docs/setuid
          chmod 4755 docs/setuid
          chmod 1777 empty
          touch -d '2001-02-03 04:05:06' docs/content docs/deep
        ) }
        """;

    // Directories are without their size and links, which belong to the file system.
    private const string ListOnNode = """
        set -e
        cd "$1"
        find . -type d -printf '%p %y %m %U:%G %T@\0' -o -printf '%p %y %m %U:%G %T@ links=%n size=%s -> %l\0' | sort -z | tr '\0' '\n'
        find . -type f -size +1000k -printf '%p %S\n' | awk '{print $1, ($2 < 0.5 ? "has holes" : "is full")}' | sort
        find . -type f -print0 | sort -z | xargs -0 -r sha256sum
        find . -print0 | sort -z | xargs -0 getfattr -h -d -m 'user|security' -e hex 2>/dev/null
        """;

    // A directory that volumes are mounted below is the container's own.
    private const string ListInPod = """
        set -e
        top=0
        grep -q " $PWD " /proc/mounts || top=1
        find . -mindepth $top -type d -exec stat -c '%n %F %a %u:%g %Y' {} \; | sort
        find . ! -type d -exec stat -c '%N %F %a %u:%g %Y links=%h size=%s' {} \; | sort
        find . -type f -size +1000k -exec stat -c '%n %s %b' {} \; | awk '{print $1, ($3 * 1024 < $2 ? "has holes" : "is full")}' | sort
        find . -type f -exec sha256sum {} \; | sort
        """;

    /// <summary>The volume of a pod, with all metadata where the node's files can be reached.</summary>
    /// <param name="node">The cluster.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="mountPath">Where its first container has the volume.</param>
    /// <param name="volume">The directory's name on the node: that of the pod's volume, or of the PersistentVolume.</param>
    public static async Task<string> ListAsync(RealNode node, JsonObject pod, string mountPath, string volume)
    {
        if (node.Settings.Root is not null) return await ToolProcess.RunAsync("bash", ["-c", ListOnNode, "list", node.VolumeOf(pod, volume)]);
        return await node.ExecAsync((string)pod["metadata"]!["namespace"]!, (string)pod["metadata"]!["name"]!, $"cd {mountPath}\n{ListInPod}");
    }

    /// <summary>Gives a tree what no tool in the container can: attributes. Does nothing where the node's files cannot be reached.</summary>
    public static async Task AddAttributesAsync(RealNode node, JsonObject pod, string volume)
    {
        if (node.Settings.Root is null) return;
        var directory = node.VolumeOf(pod, volume);
        await ToolProcess.RunAsync("setfattr", ["-n", "user.origin", "-v", "an orchard", $"{directory}/greeting"]);
        await ToolProcess.RunAsync("setfattr", ["-n", "user.nothing", $"{directory}/docs"]);
    }
}
