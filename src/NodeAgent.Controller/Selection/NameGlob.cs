using System.Buffers;

namespace NodeAgent.Controller.Selection;

/// <summary>A name that may hold the wildcards of a <see cref="GlobPattern"/>. One that is no pattern, as where brackets do not close, stands for itself.</summary>
internal sealed class NameGlob
{
    private static readonly SearchValues<char> Special = SearchValues.Create("*?[]{}\\");

    private readonly string _text;
    private readonly GlobPattern? _pattern;

    public NameGlob(string text)
    {
        _text = text;
        if (!HasWildcard(text)) return;
        try
        {
            _pattern = GlobPattern.Parse(text, null);
        }
        catch (FormatException)
        {
            // Said above; a range that runs backwards holds no name either.
        }
    }

    public bool Matches(string name) => name == _text || (_pattern?.Matches(name) ?? false);

    public static bool HasWildcard(string text) => text.AsSpan().ContainsAny(Special);
}
