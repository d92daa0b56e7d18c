namespace NodeAgent.Controller.Selection;

/// <summary>Names of Kubernetes objects. Checked before a name becomes part of a path in a bucket.</summary>
internal static class ObjectName
{
    private const int MaxLength = 253;

    /// <summary>True for a DNS subdomain: lower-case letters, digits, "-" and ".", each part beginning and ending with a letter or digit.</summary>
    public static bool IsValid(string? name) =>
        !string.IsNullOrEmpty(name)
        && name.Length <= MaxLength
        && name.Split('.').All(part => part.Length > 0 && part.All(IsNameCharacter) && part[0] != '-' && part[^1] != '-');

    private static bool IsNameCharacter(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-';
}
