using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>
/// "Key:  value" lines whose values stand in one column within a block. A heading or a blank line ends the block, so a long
/// key in one section does not push the values of another aside.
/// </summary>
internal sealed class DescriptionWriter(TextWriter writer)
{
    private const int Gap = 2;
    private readonly List<(string Key, string Value)> _block = [];
    private int _indent;

    /// <summary>Everything written until the result is disposed is indented by two more columns.</summary>
    public Indentation Indent()
    {
        _indent += 2;
        return new Indentation(this);
    }

    public void Field(string key, string value) => _block.Add((Spaces() + key + ":", value));

    public void Field(string key, IReadOnlyCollection<string> values) => Field(key, values.Count == 0 ? "<none>" : string.Join(", ", values));

    /// <summary>A further value under that of the field before.</summary>
    public void Continue(string value) => _block.Add(("", value));

    /// <summary>Each pair on a line of its own, under the first.</summary>
    public void Pairs(string key, (string Key, string Value)[] pairs)
    {
        if (pairs.Length == 0)
            Field(key, "<none>");
        for (var i = 0; i < pairs.Length; i++)
            _block.Add((i == 0 ? Spaces() + key + ":" : "", $"{pairs[i].Key}={pairs[i].Value}"));
    }

    public void Heading(string heading) => Line(heading + ":");

    public void Line(string text)
    {
        EndBlock();
        writer.Write(Spaces());
        writer.WriteLine(text);
    }

    public void Blank()
    {
        EndBlock();
        writer.WriteLine();
    }

    public void EndBlock()
    {
        var width = _block.Count == 0 ? 0 : _block.Max(line => DisplayText.Width(line.Key)) + Gap;
        foreach (var (key, value) in _block)
        {
            writer.Write(key);
            writer.Write(new string(' ', width - DisplayText.Width(key)));
            writer.WriteLine(value);
        }

        _block.Clear();
    }

    private string Spaces() => new(' ', _indent);

    internal readonly struct Indentation(DescriptionWriter owner) : IDisposable
    {
        public void Dispose()
        {
            owner.EndBlock();
            owner._indent -= 2;
        }
    }
}
