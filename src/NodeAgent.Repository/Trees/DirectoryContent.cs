namespace NodeAgent.Repository.Trees;

/// <summary>
/// Where the entries of a directory are. One of <see cref="EmptyDirectory"/>, <see cref="InlineDirectory"/> and <see cref="PagedDirectory"/>.
/// </summary>
public abstract record DirectoryContent
{
    private protected DirectoryContent()
    {
    }
}
