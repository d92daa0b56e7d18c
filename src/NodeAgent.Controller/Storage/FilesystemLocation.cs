using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Storage;

/// <summary>The provider "filesystem": a directory that the controller and all agents see under the same path.</summary>
internal static class FilesystemLocation
{
    public const string Provider = "filesystem";

    /// <summary>What is wrong with the spec, or null and the root directory.</summary>
    public static string? Resolve(BackupStorageLocationSpec spec, out string root)
    {
        root = "";
        var provider = spec.Provider ?? "";
        if (provider is not (Provider or "velero.io/" + Provider or "nodeagent.io/" + Provider))
        {
            return $"spec.provider \"{provider}\" is not known; this controller has: {Provider}";
        }

        if (spec.ObjectStorage is { CaCert: not null, CaCertRef: not null }) return "spec.objectStorage: caCert and caCertRef exclude each other; keep one";
        if (spec.Config is null || !spec.Config.TryGetValue("path", out var path) || path.Length == 0)
        {
            return "spec.config.path is missing; set it to the absolute path of a directory that the controller and all agents mount";
        }

        if (!Path.IsPathRooted(path)) return $"spec.config.path \"{path}\" is not absolute";
        var bucket = spec.ObjectStorage?.Bucket ?? "";
        var prefix = (spec.ObjectStorage?.Prefix ?? "").Trim('/');
        if (bucket.Contains('/')) return $"spec.objectStorage.bucket \"{bucket}\" holds a slash; put folders into spec.objectStorage.prefix";
        if (bucket.Split('/').Concat(prefix.Split('/')).Any(part => part is "." or "..")) return "spec.objectStorage: bucket and prefix may not hold \".\" or \"..\"";
        root = Path.Combine(path, bucket, prefix);
        return null;
    }
}
