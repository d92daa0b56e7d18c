namespace NodeAgent.Repository.Stores;

/// <summary>What a key may look like, for every kind of store: the same names must be possible in all of them.</summary>
public static class StoreKey
{
    /// <summary>Relative, of ASCII letters, digits, '-', '_', '.' and '/', without empty parts, "." and "..".</summary>
    public static bool IsValid(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return !key.Split('/').Any(part => part is "" or "." or "..") && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/');
    }

    /// <summary>Lets a valid key pass.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    public static void Require(string key)
    {
        if (!IsValid(key))
            throw new ArgumentException($"\"{key}\" is not a key: relative, of letters, digits, '-', '_', '.' and '/'", nameof(key));
    }

    /// <summary>Lets pass what a listing can be asked for: nothing, or a key with a slash after it.</summary>
    /// <exception cref="ArgumentException">It is neither.</exception>
    public static void RequirePrefix(string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        if (prefix.Length > 0 && !(prefix.EndsWith('/') && IsValid(prefix[..^1])))
            throw new ArgumentException($"\"{prefix}\" is not a prefix: empty, or a key and '/'", nameof(prefix));
    }
}
