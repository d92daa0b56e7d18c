namespace NodeAgent.Tests;

/// <summary>Where the repository is checked out that these tests were built from. Part of every test project.</summary>
internal static class Checkout
{
    /// <summary>Absolute path of the folder with the solution.</summary>
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "NodeAgent.sln"))) return directory.FullName;
        }

        throw new InvalidOperationException($"NodeAgent.sln was not found above {AppContext.BaseDirectory}: run the tests inside the checkout.");
    }
}
