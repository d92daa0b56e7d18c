using Amazon;
using Amazon.Runtime;
using Amazon.Runtime.Internal;
using Amazon.S3;

namespace NodeAgent.Stores.S3;

/// <summary>The kit's client with the kit's own repetitions taken out, but for the one that corrects a wrong clock.</summary>
internal sealed class S3SdkClient(AWSCredentials credentials, AmazonS3Config config) : AmazonS3Client(credentials, config)
{
    public static AmazonS3Config Configure(S3StoreOptions options, string region, S3Connection connection)
    {
        var config = new AmazonS3Config
        {
            HttpClientFactory = connection,
            IgnoreConfiguredEndpointUrls = true,
            // One for the clock; ClockOnlyRetryPolicy refuses all others.
            MaxErrorRetry = 1,
            ThrottleRetries = false,
            // A repetition that the store does not know of would take its own object for another's.
            MaxStaleConnectionRetries = 0,
            // Compatible servers refuse the trailing checksums that the kit sends otherwise. What a body is checked by is decided by the store.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            ForcePathStyle = options.PathStyle ?? options.Endpoint.Length > 0,
        };
        // The order matters: a region set after the URL would win over it.
        if (options.Endpoint.Length == 0) config.RegionEndpoint = RegionEndpoint.GetBySystemName(region);
        else (config.ServiceURL, config.AuthenticationRegion) = (options.Endpoint, region);
        return config;
    }

    protected override void CustomizeRuntimePipeline(RuntimePipeline pipeline)
    {
        base.CustomizeRuntimePipeline(pipeline);
        pipeline.ReplaceHandler<RetryHandler>(new RetryHandler(new ClockOnlyRetryPolicy(Config)));
    }

    /// <summary>When the server says that the clock is wrong, the kit signs by the server's from then on; that takes one repetition.</summary>
    private sealed class ClockOnlyRetryPolicy(IClientConfig config) : StandardRetryPolicy(config)
    {
        public override Task<bool> RetryForExceptionAsync(IExecutionContext executionContext, Exception exception) => Task.FromResult(false);

        public override bool RetryForException(IExecutionContext executionContext, Exception exception) => false;

        public override bool CanRetry(IExecutionContext executionContext) => true;

        public override Task WaitBeforeRetryAsync(IExecutionContext executionContext) => Task.CompletedTask;
    }
}
