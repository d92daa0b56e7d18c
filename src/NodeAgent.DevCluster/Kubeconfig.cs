namespace NodeAgent.DevCluster;

/// <summary>The file that tells clients where the cluster is.</summary>
internal static class Kubeconfig
{
    public static async Task WriteAsync(string path, Uri address, CancellationToken cancellation)
    {
        var text = $"""
            apiVersion: v1
            kind: Config
            clusters:
            - name: devcluster
              cluster:
                server: {address.GetLeftPart(UriPartial.Authority)}
            users:
            - name: developer
              user:
                token: devcluster
            contexts:
            - name: devcluster
              context:
                cluster: devcluster
                user: developer
                namespace: default
            current-context: devcluster

            """;
        // Made anew with its mode, so that it is never readable by others, not even for a moment.
        File.Delete(path);
        var creation = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            creation.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using var file = new FileStream(path, creation);
        await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text), cancellation);
    }
}
