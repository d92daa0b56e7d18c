namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>Writes a directory of a snapshot to disk: contents, holes, links, pipes, modes and times.</summary>
internal static class PlainExtractor
{
    public static void Extract(PlainReader reader, PlainEntry directory, byte[] target)
    {
        foreach (var entry in reader.List(directory))
        {
            byte[] path = [.. target, (byte)'/', .. entry.Name];
            switch (entry.Type)
            {
                case PlainEntry.RegularFile:
                    PlainFiles.Write(path, entry.Size, reader.Runs(entry));
                    break;
                case PlainEntry.Directory:
                    PlainFiles.MakeDirectory(path);
                    Extract(reader, entry, path);
                    break;
                case PlainEntry.SymbolicLink:
                    PlainFiles.MakeLink(path, entry.Target!);
                    break;
                case PlainEntry.Pipe:
                    PlainFiles.MakePipe(path);
                    break;
                default:
                    throw new NotSupportedException($"an entry of type {entry.Type} is not extracted");
            }

            if (entry.Type != PlainEntry.SymbolicLink) PlainFiles.SetMode(path, entry.Mode);
            PlainFiles.SetModified(path, entry.ModifiedSeconds, entry.ModifiedNanoseconds);
        }

        PlainFiles.SetModified(target, directory.ModifiedSeconds, directory.ModifiedNanoseconds);
        PlainFiles.SetMode(target, directory.Mode);
    }
}
