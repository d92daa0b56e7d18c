namespace NodeAgent.Repository.Trees;

/// <summary>A directory without entries.</summary>
public sealed record EmptyDirectory : DirectoryContent
{
    private EmptyDirectory()
    {
    }

    /// <summary>The only instance.</summary>
    public static EmptyDirectory Instance { get; } = new();
}
