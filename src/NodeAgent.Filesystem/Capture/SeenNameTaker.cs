using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>Turns what was seen ahead of the walk into steps, when the walk is there. For the walk's thread.</summary>
/// <param name="inlineLimit">Bytes of a file that its entry takes.</param>
/// <param name="bundles">Take the other small files.</param>
/// <param name="steps">Where steps go.</param>
/// <param name="counters">Told of every file.</param>
internal sealed class SeenNameTaker(int inlineLimit, BundleWriter bundles, StepWriter steps, CaptureCounters counters)
{
    /// <summary>Writes a name that is no directory, and of which something is known.</summary>
    public ValueTask TakeAsync(in SeenName seen, CancellationToken cancellationToken)
    {
        switch (seen.Kind)
        {
            case SeenKind.Link:
                counters.Symlinks++;
                break;
            case SeenKind.Unchanged:
                counters.AddFile(seen.Entry!.Size);
                counters.Unchanged++;
                counters.AddBytesDone(seen.Entry.Size);
                break;
            case SeenKind.Content:
                counters.AddFile(seen.Content.Length);
                counters.AddRead(seen.WasThere);
                counters.AddBytesDone(seen.Content.Length);
                return steps.WriteAsync(WithContent(seen), cancellationToken);
            default:
                return ValueTask.CompletedTask;
        }

        return steps.WriteAsync(new CapturedEntry(seen.Entry, null, seen.Path!), cancellationToken);
    }

    /// <summary>Writes the beginning of a directory.</summary>
    public ValueTask TakeAsync(OpenedDirectory directory, TreeEntry entry, CancellationToken cancellationToken)
    {
        counters.Directories++;
        return steps.WriteAsync(new CapturedEntry(entry, null, directory.Path), cancellationToken);
    }

    private CapturedEntry WithContent(in SeenName seen)
    {
        var (entry, content) = (seen.Entry!, seen.Content);
        if (content.Length == 0) return new CapturedEntry(entry, null, seen.Path!);
        return content.Length <= inlineLimit
            ? new CapturedEntry(entry.WithContent(new InlineContent(content.ToArray())), null, seen.Path!)
            : new CapturedEntry(entry, null, seen.Path!) { Slice = bundles.Add(content.Span) };
    }
}
