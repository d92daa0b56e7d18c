using System.Text;
using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Api;

/// <summary>
/// Reads the protobuf form of the few small kinds that <c>kubectl create</c> sends that way (namespace, configmap, secret,
/// serviceaccount) and of DeleteOptions. Everything else is asked for as JSON.
/// </summary>
/// <remarks>
/// Layout: "k8s\0", then a message {1: {1: apiVersion, 2: kind}, 2: the object}. In the object a field is known by its number.
/// </remarks>
internal static class ProtobufObjects
{
    private static readonly byte[] Magic = "k8s\0"u8.ToArray();

    private static readonly Dictionary<int, Field> Meta = new()
    {
        [1] = new("name", FieldKind.Text),
        [2] = new("generateName", FieldKind.Text),
        [3] = new("namespace", FieldKind.Text),
        [11] = new("labels", FieldKind.TextMap),
        [12] = new("annotations", FieldKind.TextMap),
        [14] = new("finalizers", FieldKind.TextList),
    };

    private static readonly Dictionary<int, Field> Preconditions = new() { [1] = new("uid", FieldKind.Text), [2] = new("resourceVersion", FieldKind.Text) };

    private static readonly Dictionary<string, Dictionary<int, Field>> Kinds = new(StringComparer.Ordinal)
    {
        ["Namespace"] = new() { [1] = new("metadata", FieldKind.Meta) },
        ["ServiceAccount"] = new() { [1] = new("metadata", FieldKind.Meta) },
        ["ConfigMap"] = new() { [1] = new("metadata", FieldKind.Meta), [2] = new("data", FieldKind.TextMap), [3] = new("binaryData", FieldKind.BytesMap) },
        ["DeleteOptions"] = new()
        {
            [1] = new("gracePeriodSeconds", FieldKind.Number),
            [2] = new("preconditions", FieldKind.Preconditions),
            [4] = new("propagationPolicy", FieldKind.Text),
            [5] = new("dryRun", FieldKind.TextList),
        },
        ["Secret"] = new() { [1] = new("metadata", FieldKind.Meta), [2] = new("data", FieldKind.BytesMap), [3] = new("type", FieldKind.Text), [4] = new("stringData", FieldKind.TextMap) },
    };

    private enum FieldKind
    {
        Number,
        Text,
        TextList,
        TextMap,
        BytesMap,
        Meta,
        Preconditions,
    }

    /// <returns>Null when the kind is not one that is read in this form.</returns>
    /// <exception cref="FormatException">The bytes are not what they claim to be.</exception>
    public static JsonObject? Read(ReadOnlyMemory<byte> body)
    {
        if (!body.Span.StartsWith(Magic))
            throw new FormatException("the body does not start with the magic of the protobuf form");
        string apiVersion = "", kind = "";
        ReadOnlyMemory<byte> raw = default;
        var envelope = body[Magic.Length..];
        while (Next(ref envelope, out var number, out var value, out _))
        {
            if (number == 2)
                raw = value;
            if (number != 1)
                continue;
            while (Next(ref value, out var part, out var text, out _))
            {
                if (part == 1)
                    apiVersion = Encoding.UTF8.GetString(text.Span);
                else if (part == 2)
                    kind = Encoding.UTF8.GetString(text.Span);
            }
        }
        if (apiVersion != "v1" || !Kinds.TryGetValue(kind, out var fields))
            return null;
        var obj = Message(raw, fields);
        obj["apiVersion"] = apiVersion;
        obj["kind"] = kind;
        return obj;
    }

    private static JsonObject Message(ReadOnlyMemory<byte> bytes, Dictionary<int, Field> fields)
    {
        var obj = new JsonObject();
        while (Next(ref bytes, out var number, out var value, out var scalar))
        {
            if (!fields.TryGetValue(number, out var field))
                continue;
            switch (field.Kind)
            {
                case FieldKind.Number:
                    obj[field.Name] = (long)scalar;
                    break;
                case FieldKind.Preconditions:
                    obj[field.Name] = Message(value, Preconditions);
                    break;
                case FieldKind.Text when value.Length > 0:
                    obj[field.Name] = Encoding.UTF8.GetString(value.Span);
                    break;
                case FieldKind.TextList:
                    if (obj[field.Name] is not JsonArray list)
                        obj[field.Name] = list = [];
                    list.Add((JsonNode)Encoding.UTF8.GetString(value.Span));
                    break;
                case FieldKind.Meta:
                    obj[field.Name] = Message(value, Meta);
                    break;
                case FieldKind.TextMap or FieldKind.BytesMap:
                    if (obj[field.Name] is not JsonObject map)
                        obj[field.Name] = map = [];
                    string key = "", content = "";
                    while (Next(ref value, out var part, out var entry, out _))
                    {
                        if (part == 1)
                            key = Encoding.UTF8.GetString(entry.Span);
                        else if (part == 2)
                            content = field.Kind == FieldKind.BytesMap ? Convert.ToBase64String(entry.Span) : Encoding.UTF8.GetString(entry.Span);
                    }
                    map[key] = content;
                    break;
            }
        }
        return obj;
    }

    /// <summary>Takes the next field; the value is empty unless it is of the length-delimited form.</summary>
    private static bool Next(ref ReadOnlyMemory<byte> bytes, out int number, out ReadOnlyMemory<byte> value, out ulong scalar)
    {
        value = default;
        scalar = 0;
        number = 0;
        if (bytes.IsEmpty)
            return false;
        var tag = Varint(ref bytes);
        number = (int)(tag >> 3);
        var skip = (tag & 7) switch { 1 => sizeof(long), 5 => sizeof(int), _ => 0 };
        switch (tag & 7)
        {
            case 0:
                scalar = Varint(ref bytes);
                return true;
            case 2:
                var length = Varint(ref bytes);
                if (length > (ulong)bytes.Length)
                    throw new FormatException("a field is longer than the body");
                value = bytes[..(int)length];
                bytes = bytes[(int)length..];
                return true;
            case 1 or 5 when bytes.Length >= skip:
                bytes = bytes[skip..];
                return true;
            default:
                throw new FormatException("a field has an unknown form");
        }
    }

    private static ulong Varint(ref ReadOnlyMemory<byte> bytes)
    {
        ulong value = 0;
        for (var shift = 0; shift < 64 && !bytes.IsEmpty; shift += 7)
        {
            var b = bytes.Span[0];
            bytes = bytes[1..];
            value |= (ulong)(b & 0x7f) << shift;
            if ((b & 0x80) == 0)
                return value;
        }
        throw new FormatException("a number does not end");
    }

    private readonly record struct Field(string Name, FieldKind Kind);
}
