namespace NodeAgent.Cli.Invocation;

/// <summary>Why a file that a flag names cannot be read, and what to do about it.</summary>
internal static class FileFailure
{
    public static string Why(Exception exception, string path) => exception switch
    {
        FileNotFoundException or DirectoryNotFoundException => "it is not there (check the path)",
        UnauthorizedAccessException when Directory.Exists(path) => "it is a directory (name a file)",
        UnauthorizedAccessException => "this user may not read it (check who owns it, and its mode)",
        _ => exception.Message,
    };
}
