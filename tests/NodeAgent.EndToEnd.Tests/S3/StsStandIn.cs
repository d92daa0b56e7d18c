using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Web;

namespace NodeAgent.EndToEnd.Tests.S3;

/// <summary>A security token service on loopback: whoever shows a web identity gets temporary keys. What was asked is kept.</summary>
internal sealed class StsStandIn : IDisposable
{
    public const string AccessKey = "ASIATEMPORARY";

    private readonly HttpListener _listener;
    private readonly ConcurrentQueue<IReadOnlyDictionary<string, string>> _asked = new();

    public StsStandIn()
    {
        // A port that is free is found by trying.
        for (var attempt = 0; ; attempt++)
        {
            var listener = new HttpListener();
            Endpoint = $"http://127.0.0.1:{Random.Shared.Next(20_000, 60_000)}/";
            listener.Prefixes.Add(Endpoint);
            try
            {
                listener.Start();
                _listener = listener;
                break;
            }
            catch (HttpListenerException) when (attempt < 50)
            {
                listener.Close();
            }
        }

        _ = ServeAsync();
    }

    public string Endpoint { get; }

    /// <summary>The fields of each request.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, string>> Asked => [.. _asked];

    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync();
                using var reader = new StreamReader(context.Request.InputStream);
                var fields = HttpUtility.ParseQueryString(await reader.ReadToEndAsync());
                _asked.Enqueue(fields.AllKeys.Where(k => k is not null).ToDictionary(k => k!, k => fields[k] ?? ""));
                var answer = Encoding.UTF8.GetBytes($"""
                    <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
                    <Credentials><AccessKeyId>{AccessKey}</AccessKeyId><SecretAccessKey>temporary</SecretAccessKey><SessionToken>session</SessionToken><Expiration>{DateTime.UtcNow.AddHours(1):yyyy-MM-ddTHH:mm:ssZ}</Expiration></Credentials>
                    <AssumedRoleUser><AssumedRoleId>id:name</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/backup/name</Arn></AssumedRoleUser>
                    </AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>
                    """);
                context.Response.ContentType = "text/xml";
                await context.Response.OutputStream.WriteAsync(answer);
                context.Response.Close();
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
