using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using YamlDotNet.RepresentationModel;

namespace NodeAgent.Controller.Tests.Velero;

/// <summary>The CRDs that are applied to a cluster and the types that the code uses say the same.</summary>
public sealed class CrdSchemaTests
{
    private static readonly Dictionary<string, Type> Types = new()
    {
        ["backups"] = typeof(Backup),
        ["restores"] = typeof(Restore),
        ["schedules"] = typeof(Schedule),
        ["backupstoragelocations"] = typeof(BackupStorageLocation),
        ["volumesnapshotlocations"] = typeof(VolumeSnapshotLocation),
        ["backuprepositories"] = typeof(BackupRepository),
        ["deletebackuprequests"] = typeof(DeleteBackupRequest),
        ["downloadrequests"] = typeof(DownloadRequest),
        ["serverstatusrequests"] = typeof(ServerStatusRequest),
        ["podvolumebackups"] = typeof(PodVolumeBackup),
        ["podvolumerestores"] = typeof(PodVolumeRestore),
        ["datauploads"] = typeof(DataUpload),
        ["datadownloads"] = typeof(DataDownload),
    };

    public static TheoryData<string> Plurals => new(VeleroResources.All.Select(r => r.Plural));

    [Theory]
    [MemberData(nameof(Plurals))]
    public void Every_property_of_the_type_is_in_the_schema_and_the_other_way_round(string plural)
    {
        var schema = (YamlMappingNode)Version(plural)["schema"]["openAPIV3Schema"];
        var differences = new List<string>();
        Compare(TypeInfo(Types[plural]), schema, plural, differences);
        Assert.True(differences.Count == 0, string.Join("\n", differences));
    }

    [Theory]
    [MemberData(nameof(Plurals))]
    public void The_definition_names_the_resource_as_the_code_does_and_has_a_status_subresource(string plural)
    {
        var resource = VeleroResources.All.Single(r => r.Plural == plural);
        var root = Load(plural);
        Assert.Equal($"{plural}.{VeleroResources.Group}", root["metadata"]["name"].ToString());
        Assert.Equal(resource.Kind, root["spec"]["names"]["kind"].ToString());
        Assert.Equal(resource.Version, Version(plural)["name"].ToString());
        Assert.True(((YamlMappingNode)Version(plural)["subresources"]).Children.ContainsKey(new YamlScalarNode("status")));
    }

    [Fact]
    public void Where_the_definitions_differ_from_Veleros_they_do_as_documented()
    {
        // A location of provider filesystem has no bucket.
        var location = (YamlMappingNode)Version("backupstoragelocations")["schema"]["openAPIV3Schema"]["properties"]["spec"];
        var required = location.Children.TryGetValue(new YamlScalarNode("required"), out var names) ? ((YamlSequenceNode)names).Select(n => n.ToString()) : [];
        Assert.DoesNotContain("objectStorage", required);
        Assert.False(((YamlMappingNode)location["properties"]["objectStorage"]).Children.ContainsKey(new YamlScalarNode("required")));
        // The node of a volume's backup stands in its spec.
        var columns = (YamlSequenceNode)Version("podvolumebackups")["additionalPrinterColumns"];
        Assert.Equal(".spec.node", columns.Single(c => c["name"].ToString() == "Node")["jsonPath"].ToString());
        // A download that cannot be had says so.
        var status = Version("downloadrequests")["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
        Assert.Equal(["New", "Processed", "Failed"], ((YamlSequenceNode)status["phase"]["enum"]).Select(v => v.ToString()));
        Assert.Equal("string", status["message"]["type"].ToString());
    }

    private static void Compare(JsonTypeInfo type, YamlMappingNode schema, string path, List<string> differences)
    {
        var inSchema = schema.Children.TryGetValue(new YamlScalarNode("properties"), out var node)
            ? ((YamlMappingNode)node).Children.ToDictionary(c => c.Key.ToString(), c => (YamlMappingNode)c.Value)
            : [];
        var inType = type.Properties.ToDictionary(p => p.Name);
        differences.AddRange(inType.Keys.Except(inSchema.Keys).Select(name => $"{path}.{name} is not in the schema"));
        differences.AddRange(inSchema.Keys.Except(inType.Keys).Select(name => $"{path}.{name} is not in {type.Type.Name}"));
        foreach (var (name, property) in inType)
        {
            // Metadata is the API server's own; its schema is always just "object".
            if (!inSchema.TryGetValue(name, out var propertySchema) || property.PropertyType == typeof(ObjectMeta)) continue;
            CompareValue(property.PropertyType, propertySchema, $"{path}.{name}", differences);
        }
    }

    private static void CompareValue(Type type, YamlMappingNode schema, string path, List<string> differences)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        var format = schema.Children.TryGetValue(new YamlScalarNode("format"), out var f) ? f.ToString() : "";
        var expected = schema["type"].ToString() switch
        {
            "string" when format == "date-time" => type == typeof(DateTimeOffset),
            "string" => type == typeof(string) || type == typeof(TimeSpan),
            "boolean" => type == typeof(bool),
            "integer" => type == (format == "int64" ? typeof(long) : typeof(int)),
            "array" => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>),
            _ => !type.IsPrimitive && type != typeof(string),
        };
        if (!expected) differences.Add($"{path}: {type.Name} does not fit {schema["type"]} {format}");
        if (schema["type"].ToString() == "array" && expected)
        {
            CompareValue(type.GetGenericArguments()[0], (YamlMappingNode)schema["items"], path + "[]", differences);
        }
        else if (schema["type"].ToString() == "object" && type != typeof(JsonElement) && !type.IsGenericType)
        {
            Compare(TypeInfo(type), schema, path, differences);
        }
    }

    private static JsonTypeInfo TypeInfo(Type type) => VeleroJsonContext.Default.GetTypeInfo(type)!;

    private static YamlNode Version(string plural) => ((YamlSequenceNode)Load(plural)["spec"]["versions"]).Single();

    private static YamlNode Load(string plural)
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            var file = Path.Combine(directory.FullName, "daemonset", "crds", $"velero.io_{plural}.yaml");
            if (!File.Exists(file)) continue;
            var yaml = new YamlStream();
            using var reader = File.OpenText(file);
            yaml.Load(reader);
            return yaml.Documents[0].RootNode;
        }

        throw new InvalidOperationException($"daemonset/crds was not found above {AppContext.BaseDirectory}: run the tests inside the checkout.");
    }
}
