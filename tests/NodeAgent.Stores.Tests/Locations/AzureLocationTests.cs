using NodeAgent.Stores.Azure;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Stores.Tests.Locations;

public sealed class AzureLocationTests
{
    private const string Key = "c2VjcmV0";

    private static LocationDescription Location(params (string Key, string Value)[] config) => new()
    {
        Name = "default",
        Provider = "velero.io/azure",
        Bucket = "backups",
        Prefix = "/a/b/",
        Config = config.ToDictionary(p => p.Key, p => p.Value),
        Credentials = $"AZURE_SUBSCRIPTION_ID=1\nAZURE_STORAGE_ACCOUNT_ACCESS_KEY={Key}\nAZURE_CLOUD_NAME=AzurePublicCloud\n",
    };

    private static AzureStoreOptions Read(LocationDescription location, Func<string, string?>? environment = null) => AzureLocation.OptionsOf(location, LocationProviders.RepositoryFolder, environment ?? (_ => null));

    [Fact]
    public void Veleros_keys_are_understood()
    {
        var options = Read(Location(("storageAccount", "myaccount"), ("resourceGroup", "rg"), ("subscriptionId", "s"), ("blockSizeInBytes", "104857600"), ("useAAD", "false")));
        Assert.Equal(("myaccount", "backups", "a/b/plugins/nodeagent", "https://myaccount.blob.core.windows.net", Key, 104857600), (options.Account, options.Container, options.Prefix, options.Endpoint, options.AccountKey, options.BlockSize));
        Assert.Equal("azure://myaccount/backups/a/b/plugins/nodeagent", options.Location);
        Assert.Equal(AzureStoreOptions.DefaultBlockSize, Read(Location(("storageAccount", "myaccount"))).BlockSize);
    }

    [Theory]
    [InlineData("my-sa.blob.core.windows.net", "https://my-sa.blob.core.windows.net")]
    [InlineData("https://my-sa.blob.core.windows.net/", "https://my-sa.blob.core.windows.net")]
    [InlineData("http://127.0.0.1:10000/devstoreaccount1", "http://127.0.0.1:10000/devstoreaccount1")]
    public void The_address_of_the_account_may_be_given_with_or_without_a_scheme(string given, string endpoint) =>
        Assert.Equal(endpoint, Read(Location(("storageAccount", "myaccount"), ("storageAccountURI", given))).Endpoint);

    [Theory]
    [InlineData("AzureUSGovernmentCloud", "https://myaccount.blob.core.usgovcloudapi.net")]
    [InlineData("azurechinacloud", "https://myaccount.blob.core.chinacloudapi.cn")]
    public void The_cloud_in_the_credentials_says_where_the_account_is(string cloud, string endpoint) =>
        Assert.Equal(endpoint, Read(Location(("storageAccount", "myaccount")) with { Credentials = $"AZURE_STORAGE_ACCOUNT_ACCESS_KEY={Key}\r\nexport AZURE_CLOUD_NAME=\"{cloud}\"\r\n" }).Endpoint);

    [Fact]
    public void The_variable_that_holds_the_key_can_be_named_and_without_a_Secret_the_servers_own_counts()
    {
        var named = Location(("storageAccount", "myaccount"), ("storageAccountKeyEnvVar", "MY_KEY"));
        Assert.Equal("bXk=", Read(named with { Credentials = $"# keys\nAZURE_STORAGE_ACCOUNT_ACCESS_KEY={Key}\nMY_KEY='bXk='\n" }).AccountKey);
        var own = Location(("storageAccount", "myaccount")) with { Credentials = "" };
        Assert.Equal(Key, Read(own, name => name == "AZURE_STORAGE_ACCOUNT_ACCESS_KEY" ? Key : null).AccountKey);
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "AZURE_STORAGE_ACCOUNT_ACCESS_KEY=ZmlsZQ==\n");
            Assert.Equal("ZmlsZQ==", Read(own, name => name == "AZURE_CREDENTIALS_FILE" ? file : null).AccountKey);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("storageAccount", "", "config.storageAccount is missing")]
    [InlineData("storageAccount", "My.Account", "is no storage account")]
    [InlineData("storageaccount", "myaccount", "config.storageaccount is not known to provider azure; known are storageAccount, resourceGroup")]
    [InlineData("blockSizeInBytes", "1MB", "instead of a number of bytes")]
    [InlineData("blockSizeInBytes", "0", "must be from 1 to")]
    [InlineData("useAAD", "maybe", "instead of \"true\" or \"false\"")]
    [InlineData("useAAD", "true", "config.useAAD needs a service principal with a secret, and the credentials have no line AZURE_TENANT_ID=...")]
    [InlineData("storageAccountURI", "ftp://x", "is no address of a blob service")]
    [InlineData("storageAccountKeyEnvVar", "OTHER", "the credentials have no line OTHER=...")]
    public void What_cannot_be_used_is_refused_in_one_line(string key, string value, string says)
    {
        var config = new Dictionary<string, string> { ["storageAccount"] = "myaccount", [key] = value };
        var error = Assert.Throws<LocationException>(() => Read(Location() with { Config = config }));
        Assert.StartsWith("location default: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("AZURE_STORAGE_ACCOUNT_ACCESS_KEY=not base64", "the account key is no base64")]
    [InlineData("AZURE_STORAGE_ACCOUNT_ACCESS_KEY=c2VjcmV0\nAZURE_CLOUD_NAME=Moon", "AZURE_CLOUD_NAME \"Moon\" is not known")]
    [InlineData("something else", "there is no account key")]
    public void Credentials_that_cannot_be_used_are_told_without_the_key(string credentials, string says)
    {
        var error = Assert.Throws<LocationException>(() => Read(Location(("storageAccount", "myaccount")) with { Credentials = credentials }));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Upper")]
    [InlineData("a--b")]
    [InlineData("a/b")]
    public void A_bucket_that_is_no_container_is_refused(string bucket) =>
        Assert.Contains("container", Assert.Throws<LocationException>(() => Read(Location(("storageAccount", "myaccount")) with { Bucket = bucket })).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("AzurePublicCloud", "", "https://login.microsoftonline.com")]
    [InlineData("AzureUSGovernmentCloud", "", "https://login.microsoftonline.us")]
    [InlineData("AzurePublicCloud", "https://login.example/", "https://login.example/")]
    public void A_service_principal_signs_in_where_its_cloud_or_the_location_says(string cloud, string given, string authority)
    {
        var location = Location(("storageAccount", "myaccount"), ("useAAD", "true"), ("activeDirectoryAuthorityURI", given)) with
        {
            Credentials = $"AZURE_TENANT_ID=t\nAZURE_CLIENT_ID=c\nAZURE_CLIENT_SECRET=hidden\nAZURE_CLOUD_NAME={cloud}\n",
        };
        var options = Read(location);
        Assert.Equal(new AzurePrincipal("t", "c", "hidden", authority), options.Principal);
        Assert.DoesNotContain("hidden", $"{options} {options.Principal}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("activeDirectoryAuthorityURI", "https://login.example")]
    [InlineData("storageAccountURI", "https://blobs.example")]
    public void The_servers_own_service_principal_is_sent_nowhere_that_a_location_names(string key, string value)
    {
        var location = Location(("storageAccount", "myaccount"), ("useAAD", "true"), (key, value)) with { Credentials = "" };
        var error = Assert.Throws<LocationException>(() => Read(location, name => name.StartsWith("AZURE_C", StringComparison.Ordinal) && name != "AZURE_CREDENTIALS_FILE" || name == "AZURE_TENANT_ID" ? "AzurePublicCloud" : null));
        Assert.Contains($"config.{key} is not used with useAAD and the server's own credentials", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("activeDirectoryAuthorityURI", "http://login.example", "is no address of a service that gives out tokens")]
    [InlineData("storageAccountURI", "http://blobs.example", "tokens are sent over https only")]
    public void Secrets_and_tokens_go_over_https_only(string key, string value, string says)
    {
        var location = Location(("storageAccount", "myaccount"), ("useAAD", "true"), (key, value)) with { Credentials = "AZURE_TENANT_ID=t\nAZURE_CLIENT_ID=c\nAZURE_CLIENT_SECRET=hidden\n" };
        Assert.Contains(says, Assert.Throws<LocationException>(() => Read(location)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_taken_and_not_done_is_told_in_a_line_each()
    {
        var notes = AzureLocation.NotesOn(Location(("storageAccount", "myaccount"), ("credentialsFile", "/etc/passwd"), ("activeDirectoryAuthorityURI", "https://login.example"))).ToList();
        Assert.Equal(2, notes.Count);
        Assert.StartsWith("config.credentialsFile is not used", notes[0], StringComparison.Ordinal);
        Assert.StartsWith("config.activeDirectoryAuthorityURI is not used without useAAD", notes[1], StringComparison.Ordinal);
        Assert.Empty(AzureLocation.NotesOn(Location(("storageAccount", "myaccount"), ("useAAD", "true"), ("activeDirectoryAuthorityURI", "https://login.example"))));
    }

    [Fact]
    public void Neither_the_options_nor_their_text_show_the_key()
    {
        var options = Read(Location(("storageAccount", "myaccount")));
        Assert.DoesNotContain(Key, options.ToString(), StringComparison.Ordinal);
    }
}
