using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;

namespace NodeAgent.Kubernetes.Api;

/// <summary>
/// Reads one page of a list while it arrives. In memory are the objects that are kept and the one that is being read, however long the page is.
/// </summary>
/// <param name="objects">Reads one object.</param>
/// <param name="keep">Which objects are wanted; null for all.</param>
/// <param name="most">Bytes of text that the objects kept may have together.</param>
internal sealed class PageReader<T>(ObjectReader<T> objects, Func<T, bool>? keep, long most)
    where T : class
{
    private static readonly StreamPipeReaderOptions Buffers = new(bufferSize: 64 * 1024, leaveOpen: true);

    private readonly List<T> _items = [];
    private readonly List<MalformedObject> _malformed = [];
    private (string Version, string Continue, long? Remaining) _metadata = ("", "", null);
    private JsonReaderState _state = new(KubernetesJson.Scanner);
    private Place _place;
    private long _kept;

    private enum Place
    {
        Start,
        List,
        Items,
        End,
    }

    private bool IsTooLong => _kept > most;

    /// <summary>The page with the bytes of what is kept of it; null when that is more than may be, and the rest was not read.</summary>
    /// <exception cref="JsonException">The text is no list.</exception>
    public async Task<(ObjectPage<T> Page, long Bytes)?> ReadAsync(Stream body, CancellationToken cancellation)
    {
        var pipe = PipeReader.Create(body, Buffers);
        try
        {
            while (true)
            {
                var result = await pipe.ReadAsync(cancellation);
                var consumed = Take(result.Buffer, result.IsCompleted);
                if (IsTooLong) return null;
                if (result.IsCompleted) return (new ObjectPage<T>(_items, _malformed, _metadata.Version, _metadata.Continue, _metadata.Remaining), _kept);
                pipe.AdvanceTo(consumed, result.Buffer.End);
            }
        }
        finally
        {
            await pipe.CompleteAsync();
        }
    }

    /// <summary>Takes what is complete in the buffer, and answers how far that is.</summary>
    private SequencePosition Take(in ReadOnlySequence<byte> buffer, bool isAll)
    {
        var reader = new Utf8JsonReader(buffer, isAll, _state);
        while (true)
        {
            var before = reader;
            if (TryStep(buffer, ref reader) && !IsTooLong) continue;
            _state = before.CurrentState;
            return before.Position;
        }
    }

    /// <summary>One field of the list, or one object. False when the buffer ends before it does.</summary>
    private bool TryStep(in ReadOnlySequence<byte> buffer, ref Utf8JsonReader reader)
    {
        if (!reader.Read()) return false;
        switch (_place)
        {
            case Place.Start:
                _place = reader.TokenType == JsonTokenType.StartObject ? Place.List : throw new JsonException("a list was expected");
                return true;
            case Place.Items when reader.TokenType == JsonTokenType.EndArray:
                _place = Place.List;
                return true;
            case Place.Items:
                var start = reader.TokenStartIndex;
                if (!reader.TrySkip()) return false;
                Add(buffer.Slice(start, reader.BytesConsumed - start));
                return true;
            case Place.List when reader.TokenType == JsonTokenType.PropertyName:
                return TryField(ref reader);
            default:
                _place = Place.End;
                return true;
        }
    }

    private bool TryField(ref Utf8JsonReader reader)
    {
        var isMetadata = reader.ValueTextEquals("metadata");
        var isItems = reader.ValueTextEquals("items");
        if (!reader.Read()) return false;
        if (isItems && reader.TokenType != JsonTokenType.Null)
        {
            // An empty list is null in some servers' answers.
            _place = reader.TokenType == JsonTokenType.StartArray ? Place.Items : throw new JsonException("the items of a list are no array");
            return true;
        }

        var value = reader;
        if (!reader.TrySkip()) return false;
        if (isMetadata) _metadata = ReadMetadata(ref value);
        return true;
    }

    /// <summary>Each object is read by itself, so that one that is nested too deep does not take the others with it.</summary>
    private void Add(in ReadOnlySequence<byte> sequence)
    {
        var text = sequence.IsSingleSegment ? sequence.FirstSpan : sequence.ToArray();
        T? item;
        MalformedObject? problem;
        try
        {
            var reader = new Utf8JsonReader(text, KubernetesJson.Reader);
            reader.Read();
            (item, problem) = objects.Read(ref reader);
        }
        catch (JsonException e)
        {
            (item, problem) = (null, objects.Unreadable(text, e));
        }

        if (problem is not null) _malformed.Add(problem);
        else if (keep is null || keep(item!)) _items.Add(item!);
        else return;
        _kept += text.Length;
    }

    private static (string Version, string Continue, long? Remaining) ReadMetadata(ref Utf8JsonReader reader)
    {
        var (version, next, remaining) = ("", "", (long?)null);
        if (reader.TokenType != JsonTokenType.StartObject) return (version, next, remaining);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            if (name == "resourceVersion" && reader.TokenType == JsonTokenType.String) version = reader.GetString() ?? "";
            else if (name == "continue" && reader.TokenType == JsonTokenType.String) next = reader.GetString() ?? "";
            else if (name == "remainingItemCount" && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var count)) remaining = count;
            else reader.TrySkip();
        }

        return (version, next, remaining);
    }
}
