namespace NodeAgent.Stores.Azure;

/// <summary>A credentials file of Velero's plugin for Azure: lines of the form NAME=value.</summary>
internal sealed class AzureCredentials
{
    /// <summary>Holds the account's key where the location names no other variable.</summary>
    public const string AccountKey = "AZURE_STORAGE_ACCOUNT_ACCESS_KEY";

    /// <summary>Which of Azure's clouds the account is in.</summary>
    public const string CloudName = "AZURE_CLOUD_NAME";

    /// <summary>The directory that a service principal is in.</summary>
    public const string Tenant = "AZURE_TENANT_ID";

    /// <summary>The service principal.</summary>
    public const string Client = "AZURE_CLIENT_ID";

    /// <summary>Its secret.</summary>
    public const string Secret = "AZURE_CLIENT_SECRET";

    /// <summary>Names the server's own credentials file.</summary>
    public const string FileVariable = "AZURE_CREDENTIALS_FILE";

    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    private AzureCredentials()
    {
    }

    /// <summary>The value of a variable; null when it is not there or empty.</summary>
    public string? this[string name] => _values.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    public static AzureCredentials Parse(string text)
    {
        var credentials = new AzureCredentials();
        foreach (var line in text.Split('\n').Select(static l => l.Trim()))
        {
            var assignment = line.StartsWith("export ", StringComparison.Ordinal) ? line[7..].TrimStart() : line;
            var at = assignment.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0 || assignment[0] == '#') continue;
            var value = assignment[(at + 1)..].Trim();
            if (value.Length >= 2 && value[0] is '"' or '\'' && value[^1] == value[0]) value = value[1..^1];
            credentials._values[assignment[..at].TrimEnd()] = value;
        }

        return credentials;
    }

    /// <summary>The server's own: its file, and its environment for what the file does not have.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static AzureCredentials OfServer(Func<string, string?> environment)
    {
        // The Secret that the file is of may be left out, as where the cloud itself signs the pod in.
        var credentials = environment(FileVariable) is { Length: > 0 } file && File.Exists(file) ? Parse(File.ReadAllText(file)) : new AzureCredentials();
        foreach (var name in (string[])[AccountKey, CloudName, Tenant, Client, Secret])
        {
            if (environment(name) is { Length: > 0 } value) credentials._values.TryAdd(name, value);
        }

        return credentials;
    }
}
