namespace NodeAgent.Controller.Restores.Mappings;

/// <summary>A part of image names and what takes its place.</summary>
internal sealed record ImageRule(string Old, string New)
{
    /// <summary>Reads <c>old,new</c>; null for what is no rule.</summary>
    public static ImageRule? Parse(string text)
    {
        var comma = text.IndexOf(',', StringComparison.Ordinal);
        if (comma < 0) return null;
        var (from, to) = (text[..comma].Trim(), text[(comma + 1)..].Trim());
        return from.Length == 0 || to.Length == 0 ? null : new ImageRule(from, to);
    }
}
