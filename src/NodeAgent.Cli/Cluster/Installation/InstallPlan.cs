using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Cluster.Locations;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Cli.Cluster.Installation;

/// <summary>The objects that one call of <c>install</c> asks for, in the order in which they are sent.</summary>
internal sealed class InstallPlan
{
    private const string SecretName = "cloud-credentials";
    private const string SecretKey = "cloud";
    private const string FilesystemProvider = "filesystem";
    private const string LocationVolumeName = "backups";
    private const string Region = "region";

    /// <summary>Providers of backups that have volume snapshots too.</summary>
    private static readonly string[] SnapshotProviders = ["aws"];

    private readonly ParseResult _parse;
    private readonly string _namespace;
    private readonly string _provider;
    private readonly string _image;
    private readonly Dictionary<string, string> _locationConfig;

    private InstallPlan(ParseResult parse, string ns)
    {
        _parse = parse;
        _namespace = ns;
        _provider = (parse.GetValue(InstallOptions.Provider) ?? "").Replace("velero.io/", "", StringComparison.Ordinal);
        _image = parse.GetValue(InstallOptions.Image) is { Length: > 0 } image ? image : InstallOptions.DefaultImage;
        _locationConfig = parse.GetValue(InstallOptions.BackupLocationConfig) ?? [];
    }

    private bool WithAgent => _parse.GetValue(InstallOptions.UseNodeAgent) ?? true;

    private bool WithLocation => !_parse.GetValue(InstallOptions.NoDefaultBackupLocation);

    private bool HasSecret => _parse.GetValue(InstallOptions.SecretFile) is { Length: > 0 };

    /// <exception cref="UsageException">The flags contradict each other, or one is missing.</exception>
    /// <exception cref="CommandException">A file that is named cannot be read.</exception>
    public static IReadOnlyList<JsonObject> Build(ParseResult parse, string ns)
    {
        var plan = new InstallPlan(parse, ns);
        if (parse.GetValue(InstallOptions.CrdsOnly)) return Manifests.Definitions();
        plan.RequireConsistent();
        return [.. plan.Objects()];
    }

    private void RequireConsistent()
    {
        if (WithLocation && _provider.Length == 0) throw new UsageException("--provider is missing (give aws, azure or filesystem, or --no-default-backup-location)");
        if (_provider.Length > 0) StoreProviders.Require(_provider);
        if (WithLocation && _provider != FilesystemProvider && Bucket.Length == 0) throw new UsageException($"--bucket is missing (provider {_provider} needs one, unless --no-default-backup-location is given)");
        if (!WithLocation && Bucket.Length + (_parse.GetValue(InstallOptions.Prefix) ?? "").Length > 0) throw new UsageException("--bucket and --prefix are of the backup location, which --no-default-backup-location leaves out (leave one of them out)");
        var without = _parse.GetValue(InstallOptions.NoSecret) || _provider == FilesystemProvider || (_provider.Length == 0 && !WithLocation);
        if (HasSecret && _parse.GetValue(InstallOptions.NoSecret)) throw new UsageException("--secret-file and --no-secret exclude each other (give one of the two)");
        if (!HasSecret && !without) throw new UsageException("no credentials are given (give --secret-file, or --no-secret where the pods get them in another way)");
        if (!WithLocation || _provider != FilesystemProvider) return;
        if (!_locationConfig.TryGetValue("path", out var path) || !path.StartsWith('/')) throw new UsageException("--provider filesystem: no directory is named (give --backup-location-config path=/where/it/is/mounted)");
        if (LocationVolume() is null) throw new UsageException($"--provider filesystem: nothing is mounted at {path} (give --location-volume pvc:NAME, nfs:SERVER:/PATH or hostPath:/PATH)");
    }

    private string Bucket => _parse.GetValue(InstallOptions.Bucket) ?? "";

    private IEnumerable<JsonObject> Objects()
    {
        foreach (var definition in Manifests.Definitions()) yield return definition;
        var ns = Manifests.Namespace();
        ns["metadata"]!["name"] = _namespace;
        yield return ns;
        if (HasSecret) yield return Secret();
        foreach (var manifest in Manifests.Controller())
        {
            if (Adapt(manifest, isAgent: false) is { } adapted) yield return adapted;
        }

        if (WithAgent)
        {
            foreach (var manifest in Manifests.Agent())
            {
                if (Adapt(manifest, isAgent: true) is { } adapted) yield return adapted;
            }
        }

        if (WithLocation) yield return BackupLocation();
        if ((_parse.GetValue(InstallOptions.UseVolumeSnapshots) ?? true) && SnapshotProviders.Contains(_provider) && SnapshotLocation() is { } snapshots) yield return snapshots;
    }

    private JsonObject Secret()
    {
        var path = _parse.GetValue(InstallOptions.SecretFile)!;
        byte[] content;
        try
        {
            content = File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Failed, $"--secret-file {path}: {(exception is FileNotFoundException or DirectoryNotFoundException ? "it is not there (check the path)" : exception.Message)}", exception);
        }

        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Secret",
            ["metadata"] = new JsonObject { ["name"] = SecretName, ["namespace"] = _namespace, ["labels"] = new JsonObject { ["component"] = "velero" } },
            ["type"] = "Opaque",
            ["data"] = new JsonObject { [SecretKey] = Convert.ToBase64String(content) },
        };
    }

    /// <summary>Null for one that is not wanted.</summary>
    private JsonObject? Adapt(JsonObject manifest, bool isAgent)
    {
        var (kind, account) = (manifest.Raw("kind"), _parse.GetValue(InstallOptions.ServiceAccountName) ?? "");
        if (kind == "ServiceAccount" && !isAgent && account.Length > 0) return null;
        var metadata = manifest["metadata"]!.AsObject();
        metadata["name"] = Manifests.NameIn(manifest, _namespace);
        if (metadata.ContainsKey("namespace")) metadata["namespace"] = _namespace;
        if (kind == "ServiceAccount" && _parse.GetValue(InstallOptions.ServiceAccountAnnotations) is { Count: > 0 } annotations) metadata["annotations"] = SpecBuilder.Map(annotations);
        foreach (var subject in manifest["subjects"]?.AsArray() ?? [])
        {
            subject!["namespace"] = _namespace;
            if (!isAgent && account.Length > 0) subject["name"] = account;
        }

        if (kind is "Deployment" or "DaemonSet") AdaptPods(manifest["spec"]!["template"]!.AsObject(), isAgent, account);
        return manifest;
    }

    private void AdaptPods(JsonObject template, bool isAgent, string account)
    {
        Merge(template["metadata"]!.AsObject(), "labels", _parse.GetValue(InstallOptions.PodLabels));
        Merge(template["metadata"]!.AsObject(), "annotations", _parse.GetValue(InstallOptions.PodAnnotations));
        var spec = template["spec"]!.AsObject();
        var container = spec["containers"]![0]!.AsObject();
        container["image"] = _image;
        if (!isAgent && account.Length > 0) spec["serviceAccountName"] = account;
        if (_parse.GetValue(isAgent ? InstallOptions.AgentPriorityClass : InstallOptions.ServerPriorityClass) is { Length: > 0 } priority) spec["priorityClassName"] = priority;
        AdaptArguments(container["args"]!.AsArray(), isAgent);
        AdaptSizes(container, isAgent);
        if (isAgent) AdaptHostPath(spec);
        if (LocationVolume() is not { } volume || _provider != FilesystemProvider) return;
        Mount(spec, container, LocationVolumeName, volume, _locationConfig["path"]);
        // The agents make the repository's files, as root and for root alone.
        if (isAgent) return;
        var security = spec["securityContext"]!.AsObject();
        (security["runAsNonRoot"], security["runAsUser"], security["runAsGroup"]) = (false, 0, 0);
    }

    private void AdaptArguments(JsonArray arguments, bool isAgent)
    {
        if (isAgent) return;
        for (var i = 0; i < arguments.Count; i++)
        {
            if (arguments[i]!.GetValue<string>().StartsWith("--restore-image=", StringComparison.Ordinal)) arguments[i] = $"--restore-image={_image}";
        }

        if (_parse.GetValue(ClusterOptions.Features) is { Length: > 0 } features) arguments.Add((JsonNode)$"--features={string.Join(',', features)}");
        if (_parse.GetValue(InstallOptions.RestoreOnly)) arguments.Add((JsonNode)"--restore-only");
        if (_parse.GetValue(InstallOptions.DefaultVolumesToFsBackup)) arguments.Add((JsonNode)"--default-volumes-to-fs-backup");
        if (_parse.GetValue(InstallOptions.DefaultResourceModifier) is { Length: > 0 } modifier) arguments.Add((JsonNode)$"--default-resource-modifier-configmap={modifier}");
        if (_parse.GetValue(InstallOptions.ConcurrentBackups) is > 0 and var concurrent) arguments.Add((JsonNode)$"--concurrent-backups={concurrent}");
        if (_parse.GetValue(InstallOptions.ItemBlockWorkers) is > 0 and var workers) arguments.Add((JsonNode)$"--item-block-worker-count={workers}");
        if (_parse.GetValue(InstallOptions.RepoMaintainFrequency) is { } frequency) arguments.Add((JsonNode)$"--default-repo-maintain-frequency={GoDuration.Format(frequency)}");
        if (_parse.GetValue(InstallOptions.PodVolumeOperationTimeout) is { } timeout) arguments.Add((JsonNode)$"--fs-backup-timeout={GoDuration.Format(timeout)}");
    }

    private void AdaptSizes(JsonObject container, bool isAgent)
    {
        foreach (var (flag, agent, kind, resource) in InstallOptions.Sizes)
        {
            if (agent != isAgent || _parse.GetValue(flag) is not { Length: > 0 } quantity) continue;
            var resources = container["resources"]!.AsObject();
            if (quantity == "0") resources[kind]?.AsObject().Remove(resource);
            else (resources[kind] ??= new JsonObject())[resource] = quantity;
        }
    }

    private void AdaptHostPath(JsonObject spec)
    {
        if (_parse.GetValue(InstallOptions.KubeletRoot) is not { Length: > 0 } root) return;
        var pods = spec["volumes"]!.AsArray().First(volume => volume!["name"]!.GetValue<string>() == "host-pods")!;
        pods["hostPath"]!["path"] = $"{root.TrimEnd('/')}/pods";
    }

    private static void Mount(JsonObject spec, JsonObject container, string name, JsonObject volume, string path)
    {
        volume.Insert(0, "name", name);
        spec["volumes"]!.AsArray().Add((JsonNode)volume);
        container["volumeMounts"]!.AsArray().Add((JsonNode)new JsonObject { ["name"] = name, ["mountPath"] = path });
    }

    /// <summary>A volume without its name; null when none is given.</summary>
    private JsonObject? LocationVolume()
    {
        var text = _parse.GetValue(InstallOptions.LocationVolume) ?? "";
        if (text.Length == 0) return null;
        return text.Split(':', 3) switch
        {
            ["pvc", { Length: > 0 } claim] => new JsonObject { ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = claim } },
            ["hostPath", ['/', ..] path] => new JsonObject { ["hostPath"] = new JsonObject { ["path"] = path, ["type"] = "DirectoryOrCreate" } },
            ["nfs", { Length: > 0 } server, ['/', ..] path] => new JsonObject { ["nfs"] = new JsonObject { ["server"] = server, ["path"] = path } },
            _ => throw new UsageException($"--location-volume {text}: not understood (give pvc:NAME, nfs:SERVER:/PATH or hostPath:/PATH)"),
        };
    }

    private JsonObject BackupLocation()
    {
        var location = VeleroKinds.BackupLocation.NewObject("default", _namespace);
        SpecBuilder.SetMetadata(location, new() { ["component"] = "velero" }, null);
        var spec = new SpecBuilder().Set("provider", _provider).Set("default", true).Set("config", _locationConfig);
        var storage = new SpecBuilder().Set("prefix", _parse.GetValue(InstallOptions.Prefix)).Set("caCert", CertificateOptions.ReadBase64(_parse)).Build();
        if (Bucket.Length > 0) storage["bucket"] = Bucket;
        if (storage.Count > 0) spec.Set("objectStorage", storage);
        location["spec"] = spec.Build();
        return location;
    }

    /// <summary>Null when it is not known where the volumes are: a location that cannot be used would stand in the way of every backup.</summary>
    private JsonObject? SnapshotLocation()
    {
        var config = _parse.GetValue(InstallOptions.SnapshotLocationConfig) ?? [];
        if (!config.ContainsKey(Region))
        {
            if (!_locationConfig.TryGetValue(Region, out var region)) return null;
            config[Region] = region;
        }

        var location = VeleroKinds.SnapshotLocation.NewObject("default", _namespace);
        SpecBuilder.SetMetadata(location, new() { ["component"] = "velero" }, null);
        location["spec"] = new SpecBuilder().Set("provider", _provider).Set("config", config).Build();
        return location;
    }

    private static void Merge(JsonObject metadata, string field, Dictionary<string, string>? added)
    {
        if (added is not { Count: > 0 }) return;
        var map = metadata[field] as JsonObject;
        if (map is null) metadata[field] = map = [];
        foreach (var (key, value) in added) map[key] = value;
    }
}
