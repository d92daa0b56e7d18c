"""moto's server for the tests: makes two users, from then on checks every signature and permission, and says so in /data/lines."""
import os
import sys
import threading

# Moto counts the requests that need no permission; those below are all of them.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "5"

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

port = int(sys.argv[1])
server = make_server("127.0.0.1", port, DomainDispatcherApplication(create_backend_app), threaded=True)
thread = threading.Thread(target=server.serve_forever)
thread.start()

iam = boto3.client(
    "iam", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
)
lines = [f"EC2_ENDPOINT=http://127.0.0.1:{port}"]
for user, name in (("backup", "EC2"), ("stranger", "EC2_STRANGER")):
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    lines += [f"{name}_ACCESS_KEY_ID={key['AccessKeyId']}", f"{name}_SECRET_ACCESS_KEY={key['SecretAccessKey']}"]
iam.put_user_policy(
    UserName="backup",
    PolicyName="all",
    PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}',
)
with open("/data/lines.new", "w") as file:
    file.write("\n".join(lines) + "\n")
os.rename("/data/lines.new", "/data/lines")
thread.join()
