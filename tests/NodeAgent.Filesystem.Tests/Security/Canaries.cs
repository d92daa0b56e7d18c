using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Security;

/// <summary>
/// Stands in for the node's /etc: a directory beside the volume with files, names and attributes that carry a mark. The mark must never
/// get into a backup, and nothing in the directory may ever change.
/// </summary>
internal sealed class Canaries
{
    private readonly byte[] _mark = Encoding.ASCII.GetBytes($"CANARY-{Guid.NewGuid():N}");
    private readonly string _before;

    public Canaries(string root)
    {
        Path = Directory.CreateDirectory(System.IO.Path.Combine(root, "etc")).FullName;
        var mark = Encoding.ASCII.GetString(_mark);
        // One of each way in which contents are stored: in the entry, in a bundle, as chunks; found by whatever part of it is read.
        Write("shadow", 1);
        Write("group", 100);
        Write("large", 20_000);
        // What the volume has, too, so that a link in place of a directory leads to something.
        Write("inner", 1);
        Directory.CreateDirectory(System.IO.Path.Combine(Path, "sub"));
        Write("sub/inner", 1);
        Write($"sub/{mark}", 1);
        Directory.CreateDirectory(System.IO.Path.Combine(Path, $"d-{mark}"));
        TestBackup.Run("sh", "-c", "cd \"$1\" && chmod 600 shadow && chmod 4711 group && ln -s shadow link && mkfifo pipe && (setfattr -n user.canary -v \"$2\" . shadow sub || true) 2>/dev/null", "sh", Path, mark);
        _before = Describe();

        void Write(string name, int times) => File.WriteAllText(System.IO.Path.Combine(Path, name), string.Concat(Enumerable.Repeat(mark + "\n", times)));
    }

    public string Path { get; }

    public string Shadow => System.IO.Path.Combine(Path, "shadow");

    /// <summary>Names, contents, owners, modes, times of content and of change are what they were.</summary>
    public void ExpectUntouched() => Assert.Equal(_before, Describe());

    /// <summary>Where a restored tree carries the mark, in a name, a content or an attribute; null for nowhere.</summary>
    public string? FindIn(string directory)
    {
        using var root = Files.OpenRoot(directory);
        return FindIn(root, directory);
    }

    private string? FindIn(DirectoryHandle directory, string path)
    {
        if (Carries(Files.Attributes(directory))) return $"{path}: an attribute";
        foreach (var name in Files.Names(directory))
        {
            var below = $"{path}/{FileName.ToText(name)}";
            if (Has(name)) return $"{below}: the name";
            var type = Files.Status(directory, name).Type;
            if (type == TreeEntryType.Directory)
            {
                using var next = Files.Open(directory, name, OpenFlags.Directory);
                if (FindIn(next, below) is { } found) return found;
            }
            else if (type == TreeEntryType.RegularFile)
            {
                using var file = Files.Open(directory, name, OpenFlags.ReadOnly);
                var content = new byte[Files.Status(file, []).Size];
                if (Has(content.AsSpan(0, Files.ReadAt(file, content, 0)))) return $"{below}: the content";
                if (Carries(Files.Attributes(file))) return $"{below}: an attribute";
            }
        }

        return null;
    }

    private bool Carries(List<ExtendedAttribute> attributes) => attributes.Exists(a => Has(a.Name.Span) || Has(a.Value.Span));

    private bool Has(ReadOnlySpan<byte> bytes) => bytes.IndexOf(_mark) >= 0;

    private string Describe() => TestBackup.Run(
        "sh", "-c", "cd \"$1\" && find . -printf '%P %y %m %U %G %n %s %T@ %C@ %l\\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum", "sh", Path);
}
