using System.Security.Cryptography;
using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// The names that files have until they are complete. A restore that is killed leaves such files behind, and a backup would
/// take them for data: the next restore into the same directories removes them.
/// </summary>
internal sealed class TemporaryNames(IssueList issues)
{
    private const int RunLength = 4;
    private const int FileLength = 8;

    // For many names at once: each call for random bytes locks the generator and asks whether the process was forked.
    private readonly byte[] _unforeseen = new byte[64 * FileLength];
    private readonly Lock _gate = new();
    private int _used = int.MaxValue;

    private readonly byte[] _run = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(RunLength)));

    private static ReadOnlySpan<byte> Prefix => ".nodeagent-restore-"u8;

    /// <summary>A new name: which run it is of, and then what nobody can foresee.</summary>
    public byte[] Next()
    {
        Span<byte> unforeseen = stackalloc byte[FileLength];
        lock (_gate)
        {
            if (_used >= _unforeseen.Length)
            {
                RandomNumberGenerator.Fill(_unforeseen);
                _used = 0;
            }

            _unforeseen.AsSpan(_used, FileLength).CopyTo(unforeseen);
            _used += FileLength;
        }

        var name = new byte[Prefix.Length + (2 * (RunLength + FileLength))];
        Prefix.CopyTo(name);
        _run.CopyTo(name, Prefix.Length);
        _ = Convert.TryToHexStringLower(unforeseen, name.AsSpan(Prefix.Length + (2 * RunLength)), out _);
        return name;
    }

    /// <summary>Removes what earlier runs left in a directory. What is a directory itself, or of this run, stays; links are removed, not followed.</summary>
    public void RemoveStale(DirectoryHandle directory, TreePath path)
    {
        foreach (var name in Files.Names(directory, Prefix))
        {
            if (!IsStale(name)) continue;
            try
            {
                if (Files.Status(directory, name).Type != TreeEntryType.Directory) Files.Remove(directory, name);
            }
            catch (FileSystemException failure) when (failure.Error != Errno.NoEntry)
            {
                issues.Add(path.Below(name), failure.Operation, $"an earlier restore left it and it cannot be removed: {failure.Reason}", isMetadataOnly: true);
            }
            catch (FileSystemException)
            {
                // Somebody else removed it.
            }
        }
    }

    /// <summary>Exactly the form of the names that are made here: a file that only begins like them is somebody's.</summary>
    private bool IsStale(ReadOnlySpan<byte> name)
    {
        var rest = name[Prefix.Length..];
        if (rest.Length != 2 * (RunLength + FileLength) || rest.StartsWith(_run)) return false;
        foreach (var letter in rest)
        {
            if (!char.IsAsciiHexDigitLower((char)letter)) return false;
        }

        return true;
    }
}
