using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Filesystem.Capture;

/// <summary>The names of users and groups of this machine, for whoever lists the snapshot elsewhere.</summary>
internal static class OwnerNames
{
    private const int Most = 1000;

    public static SnapshotOwners Read() => new() { Users = Parse("/etc/passwd"), Groups = Parse("/etc/group") };

    private static Dictionary<string, string> Parse(string path)
    {
        var names = new Dictionary<string, string>();
        try
        {
            foreach (var fields in File.ReadLines(path).Select(line => line.Split(':')).Where(f => f.Length > 2).Take(Most)) names.TryAdd(fields[2], fields[0]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Names are a convenience: numbers are what is restored.
        }

        return names;
    }
}
