using NodeAgent.Controller.Selection;

namespace NodeAgent.Controller.Modifiers;

/// <summary>
/// Resource types by a pattern whose separator is the dot. So * is all of the core group and *.apps all of the group apps; *.* is everything.
/// </summary>
internal sealed class GroupResourcePattern
{
    private const string Everything = "*.*";

    private readonly GlobPattern? _pattern;

    private GroupResourcePattern(GlobPattern? pattern) => _pattern = pattern;

    /// <exception cref="FormatException">The text is no pattern.</exception>
    public static GroupResourcePattern Parse(string text)
    {
        if (text == Everything) return new GroupResourcePattern(null);
        try
        {
            return new GroupResourcePattern(GlobPattern.Parse(text, '.'));
        }
        catch (FormatException e)
        {
            throw new FormatException($"groupResource \"{text}\": {e.Message}", e);
        }
    }

    public bool Matches(string groupResource) => _pattern?.Matches(groupResource) ?? true;
}
